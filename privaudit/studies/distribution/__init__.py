"""What models say about the population that they were trained on, over ratios, trainings, sizes and defenses."""
