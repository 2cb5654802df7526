"""What models on graphs say about the degrees and the clustering of their training graphs."""
