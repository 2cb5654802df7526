"""One DP-SGD training run of an MLP on Adult, audited by mislabelled records: five lines are the audit's."""

import os
import warnings

import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit import CanaryAudit  # 1
from privaudit.data.adult import load_adult

warnings.filterwarnings("ignore")  # Opacus's notes on hooks and on secure mode
torch.manual_seed(0)
N, EPOCHS = int(os.environ.get("RECORDS", "4000")), int(os.environ.get("EPOCHS", "5"))
adult = load_adult()
train_set = TensorDataset(torch.tensor(adult.features[:N]), torch.tensor(adult.labels[:N]))
network = nn.Sequential(nn.Linear(adult.features.shape[1], 64), nn.ReLU(), nn.Linear(64, 2))

audit = CanaryAudit("mislabelled", n_canaries=N // 10, seed=0)  # 2
train_set = audit.insert(train_set)  # 3
engine = PrivacyEngine()
model, optimizer, loader = engine.make_private(
    module=network,
    optimizer=torch.optim.SGD(network.parameters(), lr=0.5),
    data_loader=DataLoader(train_set, batch_size=256),
    noise_multiplier=1.0,
    max_grad_norm=1.0,
)
audit.attach(engine, model, optimizer, loader)  # 4
for _ in range(EPOCHS):
    for features, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()

report = audit.report(model, delta=1e-5)  # 5
print(report.claim_verdict().outcome, report.claim_verdict().numbers)
