"""location30: which of 446 kinds of places 5,010 people went to (30 groups of people are the classes).

Stored as bits in location30.npz, in the folder that the variable PRIVAUDIT_DATA names.
"""

import os
from pathlib import Path

import numpy as np


def load_data():
    """Return (features, labels): 0 or 1 per place, and the group of each person."""
    stored = np.load(Path(os.environ.get("PRIVAUDIT_DATA", ".")) / "location30.npz")
    features = np.unpackbits(stored["bits"], axis=1)[:, : int(stored["n_features"])]
    return features.astype(np.float32), stored["y"].astype(np.int64)


def went_there(data):
    """Who was at the place that most nearly half of all people were at."""
    shares = data.features.mean(axis=0)
    return data.features[:, np.abs(shares - 0.5).argmin()] > 0.5
