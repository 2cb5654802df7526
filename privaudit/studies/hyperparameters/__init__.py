"""Attacks on models whose hyperparameters the attacker does not know, and models tuned on their own training data."""
