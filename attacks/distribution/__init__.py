"""Attacks that ask which law a model was trained on; the unit is the model."""
