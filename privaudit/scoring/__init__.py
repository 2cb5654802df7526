"""Reads signals off models. Importing this package imports no torch."""
