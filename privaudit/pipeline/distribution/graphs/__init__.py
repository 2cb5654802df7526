"""The distribution audit of models that train on graphs."""
