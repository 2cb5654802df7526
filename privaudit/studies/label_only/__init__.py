"""Attacks that see hard labels alone, against each other on two fixed tasks."""
