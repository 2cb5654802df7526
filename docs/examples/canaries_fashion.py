"""One DP-SGD training run of a CNN on Fashion-MNIST, audited by gradient canaries: four lines are the audit's."""

import os
import warnings

import numpy as np
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit import CanaryAudit  # 1

warnings.filterwarnings("ignore")  # Opacus's notes on hooks and on secure mode
torch.manual_seed(0)
N, STEPS = int(os.environ.get("RECORDS", "2000")), int(os.environ.get("STEPS", "40"))
stored = np.load(os.path.join(os.environ["PRIVAUDIT_DATA"], "fashion_mnist_25k.npz"))
pixels = torch.tensor(stored["X_train"][:N], dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
train_set = TensorDataset(pixels, torch.tensor(stored["y_train"][:N], dtype=torch.int64))
network = nn.Sequential(
    nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
)

audit = CanaryAudit("coordinate", n_canaries=1000, seed=0)  # 2
engine = PrivacyEngine()
model, optimizer, loader = engine.make_private(
    module=network,
    optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
    data_loader=DataLoader(train_set, batch_size=N // 10),
    noise_multiplier=1.0,
    max_grad_norm=1.0,
)
audit.attach(engine, model, optimizer, loader)  # 3
while len(engine.accountant.history) == 0 or engine.accountant.history[-1][2] < STEPS:
    for features, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()

report = audit.report(delta=1e-5)  # 4
print(report.claim_verdict().outcome, report.claim_verdict().numbers)
