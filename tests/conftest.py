"""What all tests share."""

import os

from hypothesis import settings

pytest_plugins = ["pytester"]  # runs pytest inside a test, for the plugin of ours

# As many tests run at once as there are cores: more threads wait for each other and burn the cores meanwhile. Here,
# before any test loads a library that reads it; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a busy machine is no defect: no example fails for having taken long
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
