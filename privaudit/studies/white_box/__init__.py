"""What the weights of models say about the population that they were trained on, beside what the models' answers say."""
