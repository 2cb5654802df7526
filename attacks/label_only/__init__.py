"""Attacks that see nothing of the target but hard labels: pure functions of what was measured through a label oracle."""
