"""Networks that read the weights of other networks, and are the same in whatever order neurons stand."""
