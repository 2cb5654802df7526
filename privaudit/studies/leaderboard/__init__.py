"""Every attack on fixed small tasks, and what few shadow models can do."""
