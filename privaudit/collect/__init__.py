"""Collectors: whatever touches a model asks for trainings and queries in stages and stores signals."""
