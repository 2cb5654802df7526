"""What a few records that an adversary adds to every training set tell it about the ratio of a property."""
