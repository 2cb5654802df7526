"""Chameleon with the calibrated recipe: adaptive poisoning against fixed numbers of copies, DP-SGD and plain label-only attacks."""
