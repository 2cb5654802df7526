"""Trains target and shadow models: the recipe, one model, DP-SGD by Opacus, many models with resume.

Importing this package imports no torch; its files that need torch are imported when something is trained.
"""
