"""The two small convolutional networks of the training benchmark, for images of 28 x 28."""

from torch import nn


def strided(n_features, n_classes):
    """The network of DP-SGD tutorials on MNIST: two strided convolutions, two linear layers (26,010 weights)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 8, stride=2, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=1),
        nn.Conv2d(16, 32, 4, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=1),
        nn.Flatten(),
        nn.Linear(512, 32),
        nn.ReLU(),
        nn.Linear(32, n_classes),
    )


def three_by_three(n_features, n_classes):
    """Two 3 x 3 convolutions with pooling, two linear layers (105,866 weights)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, 64),
        nn.ReLU(),
        nn.Linear(64, n_classes),
    )
