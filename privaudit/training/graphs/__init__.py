"""Networks on graphs, and the training of many of them side by side."""
