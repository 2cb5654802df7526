"""What all tests share."""

from hypothesis import settings

# a busy machine is no defect: no example fails for having taken long
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
