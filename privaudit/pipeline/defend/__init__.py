"""The same audit before and after each defense."""
