"""The audit in one training run, around a user's own Opacus script: five lines are added, none is changed."""

from collections.abc import Sized
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from privaudit.config.canaries import GRADIENT_KINDS, RECORD_KINDS
from privaudit.data.canary_coins import CanaryCoins, draw_canary_coins
from privaudit.data.gradient_canaries import make_gradient_canaries
from privaudit.data.record_canaries import RecordCanaries, make_record_canaries
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_report import canary_report
from privaudit.pipeline.canary_steps import noise_probe_of, step_bound_of
from privaudit.types import AuditReport, DpSgdParams
from privaudit.validate import nearest

if TYPE_CHECKING:
    import torch
    from opacus import PrivacyEngine
    from opacus.optimizers import DPOptimizer

    from privaudit.training.opacus_canaries import OpacusCanaries

KINDS = (*GRADIENT_KINDS, *RECORD_KINDS)
PRIVATE_SIZE = (
    "The noisy sum is divided by {size:g}, which is what Opacus computes from the number of records: under add/remove that "
    "number is private (Opacus issue 571). Set optimizer.expected_batch_size to a public constant."
)
NOT_POISSON = "The loader does not draw Poisson samples, which is what the claim is computed for; batches are {kind}."
FIXED_RECORDS = (
    "Canaries with coin 1 are among the records, so the number of records, and with it the loader's length, depends on the "
    "coins."
)


class CanaryAudit:
    """Canaries in a training run that Opacus makes private, and what they show.

    Use: make one; for record canaries, put the training set through `insert`; after ``make_private`` call `attach`; train
    as ever; call `report`. Scores, coins and the noise of every step are kept until then.

    Args:
        kind: gradient canaries ``coordinate``, ``spread``, ``layer``, ``bias`` or ``alternating``, which enter before the
            clip; or record canaries ``mislabelled``, ``random``, ``blank`` or ``clipbkd``.
        n_canaries: each has a fair coin of its own.
        seed: of canaries and coins; ``None`` draws them from the system's entropy. Who knows the seed knows the coins.
        norm: length of gradient canaries before the clip, in clips.
        layer: name of the weight that canaries of kind ``layer`` lie in.
        records: canaries of your own, for kind ``own``, e.g. those that shadow models found to be the worst.

    Raises:
        ConfigError: if the kind is unknown, or there are too few canaries.

    Source: Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023; Nasr et al., USENIX
        Security 2023.

    >>> CanaryAudit("coordinate", n_canaries=100, seed=0).kind
    'coordinate'
    """

    def __init__(
        self,
        kind: str = "coordinate",
        *,
        n_canaries: int = 1000,
        seed: int | None = None,
        norm: float = 100.0,
        layer: str | None = None,
    ) -> None:
        """Toss the coins."""
        if kind not in KINDS:
            raise ConfigError(
                f"kind must be one of {', '.join(KINDS)}; got {kind!r}.{nearest(kind, KINDS)}", key="kind"
            )
        if n_canaries < 20:
            raise ConfigError(f"n_canaries must be at least 20 to show anything; got {n_canaries}.", key="n_canaries")
        self.kind, self.norm, self.layer = kind, norm, layer
        self._seed = int(np.random.SeedSequence(seed).generate_state(1, dtype=np.uint64)[0] >> 1)
        keys = [f"canary-{number:05d}" for number in range(n_canaries)]
        self.coins: CanaryCoins = draw_canary_coins(keys, seed=self._seed)
        self._records: RecordCanaries | None = None
        self._steps: OpacusCanaries | None = None
        self._engine: PrivacyEngine | None = None
        self._start: NDArray[np.float64] | None = None
        self._facts: dict[str, Any] = {}
        self._notes: list[str] = []

    @property
    def is_gradient(self) -> bool:
        """Whether canaries are gradients, not records."""
        return self.kind in GRADIENT_KINDS

    def insert(self, dataset: "torch.utils.data.Dataset[Any]") -> "torch.utils.data.Dataset[Any]":
        """Return the training set with those record canaries whose coin fell on 1.

        Args:
            dataset: of pairs of a tensor and a class, of known length.

        Raises:
            UnsupportedError: for gradient canaries, which need no insertion, or a data set without a length.
        """
        import torch
        from torch.utils.data import ConcatDataset, TensorDataset

        if self.is_gradient:
            raise UnsupportedError(f"canaries of kind {self.kind} are gradients: call attach only, and not insert.")
        if not isinstance(dataset, Sized):
            raise UnsupportedError("the training set must have a length and hold pairs of a tensor and a class.")
        pairs = [dataset[row] for row in range(len(dataset))]
        features = np.stack([np.asarray(pair[0], dtype=np.float32) for pair in pairs])
        labels = np.array([int(pair[1]) for pair in pairs])
        self._records = make_record_canaries(
            self.kind,
            n_canaries=len(self.coins.keys),
            features=features,
            labels=labels,
            n_classes=int(labels.max()) + 1,
            seed=self._seed,
        )
        chosen = np.flatnonzero(self.coins.is_in)
        own = torch.tensor(self._records.features[chosen]), torch.tensor(self._records.labels[chosen])
        own_pairs = TensorDataset(own[0].to(torch.as_tensor(pairs[0][0]).dtype), own[1])
        typed = _LikeLabels(own_pairs, pairs[0][1])
        self._notes.append(FIXED_RECORDS)
        return ConcatDataset([dataset, cast(Any, typed)])

    def attach(self, engine: "PrivacyEngine", model: "torch.nn.Module", optimizer: "DPOptimizer", loader: Any) -> None:
        """Read the claim's parameters off the engine, and watch the optimizer's steps from now on.

        Args:
            engine: the ``PrivacyEngine``; its accountant says what was claimed.
            model: what ``make_private`` returned.
            optimizer: likewise.
            loader: likewise.

        Raises:
            UnsupportedError: if record canaries were not inserted, or the optimizer forms no per-record gradients.
        """
        from privaudit.training.opacus_canaries import OpacusCanaries

        if not self.is_gradient and self._records is None:
            raise UnsupportedError(
                f"canaries of kind {self.kind} are records: put the training set through insert first."
            )
        names = {id(weight): name.removeprefix("_module.") for name, weight in model.named_parameters()}
        weights = {names[id(weight)]: weight for weight in optimizer.params}
        canaries = None
        if self.is_gradient:
            canaries = make_gradient_canaries(
                self.kind,
                weights={name: tuple(weight.shape) for name, weight in weights.items()},
                n_canaries=len(self.coins.keys),
                norm=self.norm,
                seed=self._seed,
                layer=self.layer,
            )
            self._facts["is_orthogonal"] = canaries.is_orthogonal
        rate = float(getattr(loader, "sample_rate", 1.0 / len(loader)))
        self._engine = engine
        self._steps = OpacusCanaries(
            optimizer,
            weights,
            canaries=canaries,
            is_in=np.array(self.coins.is_in),
            sample_rate=rate,
            seed=self._seed,
        )
        self._facts |= {"sample_rate": rate, "loader": type(loader).__name__, "max_grad_norm": self._steps.clip}
        self._note_what_is_private(optimizer, loader)

    def _note_what_is_private(self, optimizer: "DPOptimizer", loader: Any) -> None:
        size = getattr(optimizer, "expected_batch_size", None)
        n_records = len(loader.dataset) if hasattr(loader, "dataset") else None
        self._facts["expected_batch_size"] = size
        is_mean = optimizer.loss_reduction == "mean"
        if is_mean and n_records is not None and size == int(n_records / len(loader)):
            self._notes.append(PRIVATE_SIZE.format(size=size))
        if type(loader).__name__ != "DPDataLoader" and self._facts["sample_rate"] < 1.0:
            self._notes.append(NOT_POISSON.format(kind=f"those of a {type(loader).__name__}"))

    def detach(self) -> None:
        """Stop watching: the optimizer trains on without canaries. What was seen is kept."""
        self._attached().detach()

    def claimed(self) -> DpSgdParams:
        """Return the parameters of the claim, as the engine's accountant recorded them.

        Raises:
            UnsupportedError: if nothing was trained yet, or noise or sampling changed on the way.
        """
        steps = self._attached()
        assert self._engine is not None
        history = list(self._engine.accountant.history)
        if len(history) != 1 or history[0][2] != len(steps.sampled):
            raise UnsupportedError(
                f"the claim is of one noise multiplier and one sample rate over all {len(steps.sampled)} watched steps; the "
                f"accountant recorded {history}. Attach right after make_private, one audit per training, no schedules."
            )
        noise, rate, n_steps = history[0]
        return DpSgdParams(
            noise_multiplier=float(noise), sample_rate=float(rate), steps=int(n_steps), max_grad_norm=steps.clip
        )

    def outcomes(self, model: "torch.nn.Module | None" = None) -> list[CanaryOutcome]:
        """Return what the training gave: scores beside coins, the strongest access first.

        Args:
            model: the trained model; needed for record canaries.
        """
        if not self.is_gradient:
            return [self._black_box(model)]
        from privaudit.attacks.step_scores import trajectory_scores

        claim = self.claimed()
        seen = np.stack(self._attached().projections)
        scores = trajectory_scores(seen, sample_rate=claim.sample_rate, noise_multiplier=claim.noise_multiplier)
        return [
            CanaryOutcome(
                name="white_box_trajectory",
                scores=scores,
                is_in=np.array(self.coins.is_in),
                game="one_run",
                access="white_box",
                is_independent=bool(self._facts["is_orthogonal"]),
            )
        ]

    def _black_box(self, model: "torch.nn.Module | None") -> CanaryOutcome:
        import torch

        from privaudit.scoring.query import query_logits
        from privaudit.scoring.signals import signals_from_logits

        if model is None or self._records is None:
            raise UnsupportedError("record canaries are scored by the trained model: call report(model, ...).")
        was_training = model.training
        first = next(model.parameters())
        logits = query_logits(model, torch.tensor(self._records.features).to(first))
        model.train(was_training)
        scores = signals_from_logits(logits, np.array(self._records.labels))["negative_loss"][:, 0]
        return CanaryOutcome(name="black_box", scores=scores, is_in=np.array(self.coins.is_in), game="one_run")

    def idle_noise(self) -> NDArray[np.float64]:
        """Return ``(n_steps, n_idle)`` what was left of each step's noisy sum where no canary is."""
        return np.stack(self._attached().idle_noise)

    def scores(self, model: "torch.nn.Module | None" = None) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Return keys and scores of the canaries, to be kept and evaluated later.

        Args:
            model: see `outcomes`.
        """
        return np.array(self.coins.keys), np.array(self.outcomes(model)[0].scores)

    def report(
        self,
        model: "torch.nn.Module | None" = None,
        *,
        delta: float,
        confidence: float = 0.95,
        control: CanaryOutcome | None = None,
        name: str = "Opacus training",
    ) -> AuditReport:
        """Bound epsilon, test the claimed curve, and judge the claim.

        Args:
            model: the trained model; needed for record canaries.
            delta: where the claim is stated.
            confidence: of the verdict.
            control: the first of `outcomes` of the same script with noise 0 and the clip kept.
            name: what to call the training.

        Raises:
            UnsupportedError: if nothing was trained.
        """
        claim = self.claimed()
        steps = self._attached()
        return canary_report(
            self.outcomes(model),
            params=claim,
            delta=delta,
            confidence=confidence,
            noise_probe=noise_probe_of(self.idle_noise(), claim, delta=delta, confidence=confidence),
            sensitivity=steps.sensitivity,
            step_bound=step_bound_of(
                np.stack(steps.projections) if steps.projections else np.zeros((0, 0)),
                np.stack(steps.sampled),
                claim,
                delta=delta,
                confidence=confidence,
            ),
            control=control,
            name=name,
            data_digest=self.coins.digest,
            provenance={"canaries": {"kind": self.kind, "norm": self.norm, "n": len(self.coins.keys), **self._facts}},
            notes=tuple(self._notes),
        )

    def _attached(self) -> "OpacusCanaries":
        if self._steps is None or not self._steps.sampled:
            raise UnsupportedError("nothing was trained yet: call attach after make_private, and train, first.")
        return self._steps


class _LikeLabels:
    """Canaries as pairs whose labels are of the type of the user's own."""

    def __init__(self, pairs: "torch.utils.data.TensorDataset", label: Any) -> None:
        self._pairs, self._is_plain = pairs, isinstance(label, int)
        self._dtype = getattr(label, "dtype", None)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        features, label = self._pairs[row]
        if self._is_plain:
            return features, int(label)
        return features, cast(Any, label).to(self._dtype) if self._dtype is not None else label
