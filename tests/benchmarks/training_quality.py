"""Whether attacks see the same in batched models: ``python -m tests.benchmarks.training_quality``.

Trains 64 models on location30 one after the other and side by side, attacks both with LiRA, every model as target.
"""

import time
from dataclasses import replace

import numpy as np
import torch

from privaudit.attacks import Lira
from privaudit.data.design import make_design
from privaudit.estimators.roc import auc
from privaudit.interfaces import AuditInputs
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import signals_from_logits
from privaudit.training.one_model import trained_network
from privaudit.types import SignalTable
from tests.benchmarks.training_ours import ours
from tests.benchmarks.training_workloads import job_of, tensors_of

MODELS, MOST_DIFFERENCE = 64, 0.01


def audit():
    """Return the design, a fifth of the records held out, and its job."""
    job = job_of("location30", False, length="full")
    design = make_design(
        kind="paired",
        n_models=MODELS,
        n_records=len(job.labels),
        targets="all",
        population=0.2,
        seed=0,
        record_codes=range(len(job.labels)),
    )
    coins = {name: getattr(design, name) for name in ("is_in", "numbers", "variant", "is_population")}
    return design, replace(job, **coins)


def margins(job, networks):
    """Return ``(n_models, n_records)`` the signal that LiRA reads."""
    features, _ = tensors_of(job)
    logits = [query_logits(network, features) for network in networks]
    return np.stack([signals_from_logits(of_model, job.labels)["logit_margin"][:, 0] for of_model in logits])


def lira_aucs(design, job, margin):
    """Return the AUC of the attack on each model."""
    table = SignalTable(
        name="logit_margin",
        values=margin[:, :, None],
        model_index=np.arange(MODELS),
        record_index=np.arange(len(job.labels)),
    )
    inputs = AuditInputs(design=design, labels=job.labels, signals={"logit_margin": table}, usable=np.arange(MODELS))
    return np.array([auc(result.scores, result.label) for result in Lira().run(inputs, targets=range(MODELS))])


def main():
    """Train, attack, and hold the difference against the promise."""
    torch.set_num_threads(1)
    design, job = audit()
    trainers = {
        "one after the other": lambda: [trained_network(job, model) for model in range(MODELS)],
        "side by side": lambda: ours(job, range(MODELS)),
    }
    found, signals = {}, {}
    for name, train in trainers.items():
        start = time.process_time()
        signals[name] = margins(job, train())
        found[name] = lira_aucs(design, job, signals[name])
        print(
            f"{MODELS} models {name}: mean LiRA AUC {found[name].mean():.5f} over {MODELS} targets, standard deviation "
            f"{found[name].std():.5f} ({time.process_time() - start:.1f} s of CPU time)"
        )
    loop, batched = found.values()
    gap = abs(loop.mean() - batched.mean())
    outcome = "ok" if gap <= MOST_DIFFERENCE else "MISSED"
    print(f"{outcome}: the means differ by {gap:.2g}, any target's by at most {abs(loop - batched).max():.2g}")
    typical = np.median(np.abs(np.subtract(*signals.values())))
    print(f"logit margins of the same model and record differ by {typical:.2g} in the median")


if __name__ == "__main__":
    main()
