"""The two tasks: networks that fit their members wholly, one on binary features, one on standardised pixels.

Each model is trained on a fair half of the records with a coin: about 1,200 records of location30, 1,000 of Fashion-MNIST.
"""

from dataclasses import replace

from privaudit.studies.leaderboard.tasks import TASKS as LEADERBOARD
from privaudit.studies.leaderboard.tasks import Task, read_fashion, read_location30

LOCATION = Task(
    name="location30",
    file="location30.npz",
    read=read_location30,
    n_records=3000,  # 2,400 with coins
    flipped=0.0,
    hidden=128,
    epochs=40,
    batch_size=64,
    lr=2e-3,
)
FASHION = Task(
    name="fashion",
    file="fashion_mnist_25k.npz",
    read=read_fashion,
    n_records=2500,  # 2,000 with coins
    flipped=0.0,
    hidden=128,
    epochs=60,
    batch_size=64,
    lr=1e-3,
)
TASKS = (LOCATION, FASHION)
QUICK_TASKS = (replace(next(task for task in LEADERBOARD if task.name == "digits"), epochs=60),)
