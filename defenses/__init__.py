"""What lowers the risk: data transforms, training options and output filters."""
