"""The audit in one training run, around a user's own Opacus script: five lines are added, none is changed."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privaudit.config.canaries import GRADIENT_KINDS
from privaudit.data.canary_coins import CanaryCoins, draw_canary_coins
from privaudit.data.gradient_canaries import GradientCanaries, make_gradient_canaries
from privaudit.data.record_canaries import RecordCanaries
from privaudit.errors import UnsupportedError
from privaudit.pipeline.canary_audit_evidence import FIXED_RECORDS, batches_of, notes_on, single_steps
from privaudit.pipeline.canary_audit_outcomes import black_box_outcome, final_outcome, trajectory_outcome
from privaudit.pipeline.canary_audit_records import canaries_among, checked_keys
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_report import canary_report
from privaudit.types import AuditReport, DpSgdParams
from privaudit.validate import check_delta, check_probability

if TYPE_CHECKING:
    import torch
    from opacus import PrivacyEngine
    from opacus.optimizers import DPOptimizer

    from privaudit.training.opacus_canaries import OpacusCanaries
    from privaudit.training.opacus_canaries_notes import Script


class CanaryAudit:
    """Canaries in a training run that Opacus makes private, and what they show.

    Use: make one; for record canaries, put the training set through `insert`; after ``make_private`` call `attach`; train
    as ever; call `report`. Scores, coins and the noise of every step are kept until then.

    Args:
        kind: gradient canaries ``coordinate``, ``spread``, ``layer``, ``bias`` or ``alternating``, which enter before the
            clip; or record canaries ``mislabelled``, ``random``, ``blank``, ``clipbkd`` or ``own``.
        n_canaries: each has a fair coin of its own; for kind ``own`` their number.
        seed: of canaries and coins; ``None`` draws them from the system's entropy. Who knows the seed knows the coins.
        norm: length of gradient canaries before the clip, in clips.
        layer: name of the weight that canaries of kind ``layer`` lie in.
        records: canaries of your own, for kind ``own``, e.g. those that shadow models found to be the worst.

    Raises:
        ConfigError: if the kind is unknown, there are too few canaries, or ``records`` and kind ``own`` do not come together.

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
        records: RecordCanaries | None = None,
    ) -> None:
        """Toss the coins."""
        keys = checked_keys(kind, n_canaries, records)
        self.kind, self.norm, self.layer = kind, norm, layer
        self._seed = int(np.random.SeedSequence(seed).generate_state(1, dtype=np.uint64)[0] >> 1)
        self.coins: CanaryCoins = draw_canary_coins(keys, seed=self._seed)
        self._own = records
        self._records: RecordCanaries | None = None
        self._steps: OpacusCanaries | None = None
        self._engine: PrivacyEngine | None = None
        self._model: torch.nn.Module | None = None
        self._script: Script | None = None
        self._is_orthogonal = False
        self._notes: list[str] = []

    @property
    def is_gradient(self) -> bool:
        """Whether canaries are gradients, not records."""
        return self.kind in GRADIENT_KINDS

    def insert(self, dataset: "torch.utils.data.Dataset[Any]") -> "torch.utils.data.Dataset[Any]":
        """Return the training set with those record canaries whose coin fell on 1.

        Args:
            dataset: of pairs of a tensor, as the model takes it, and a class; of known length.

        Raises:
            UnsupportedError: for gradient canaries, which need no insertion, or a data set without a length or of features
                that are no floating-point numbers.
            ShapeError: if canaries of kind ``own`` are of another shape.
            DataError: if they are of classes that the data set does not have.
        """
        from privaudit.training.opacus_canaries_records import arrays_of, with_records

        if self.is_gradient:
            raise UnsupportedError(f"canaries of kind {self.kind} are gradients: call attach only, and not insert.")
        if self._records is not None:
            raise UnsupportedError("canaries were inserted already; make one audit per training.")
        self._records = canaries_among(
            *arrays_of(dataset), kind=self.kind, n_canaries=len(self.coins.keys), seed=self._seed, own=self._own
        )
        chosen = np.flatnonzero(self.coins.is_in)
        self._notes.append(FIXED_RECORDS)
        return with_records(dataset, self._records.features[chosen], self._records.labels[chosen])

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
        from privaudit.training.opacus_canaries_notes import read_script
        from privaudit.training.opacus_optimizers import check_optimizer

        if not self.is_gradient and self._records is None:
            raise UnsupportedError(
                f"canaries of kind {self.kind} are records: put the training set through insert first."
            )
        if self._steps is not None:
            raise UnsupportedError("this audit watches a training already; make one audit per training.")
        check_optimizer(optimizer)
        names = {id(weight): name.removeprefix("_module.") for name, weight in model.named_parameters()}
        weights = {names[id(weight)]: weight for weight in optimizer.params}
        canaries = self._gradients({name: tuple(weight.shape) for name, weight in weights.items()})
        self._script = read_script(optimizer, loader)
        self._engine, self._model = engine, None if self.is_gradient else model
        self._is_orthogonal = canaries is not None and canaries.is_orthogonal
        self._steps = OpacusCanaries(
            optimizer,
            weights,
            canaries=canaries,
            is_in=np.array(self.coins.is_in),
            sample_rate=self._script.sample_rate,
            seed=self._seed,
        )

    def _gradients(self, shapes: dict[str, tuple[int, ...]]) -> GradientCanaries | None:
        if not self.is_gradient:
            return None
        return make_gradient_canaries(
            self.kind,
            weights=shapes,
            n_canaries=len(self.coins.keys),
            norm=self.norm,
            seed=self._seed,
            layer=self.layer,
        )

    def detach(self) -> None:
        """Stop watching: the optimizer trains on without canaries. What was seen is kept."""
        if self._steps is not None:
            self._steps.detach()

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

    def outcomes(
        self, model: "torch.nn.Module | None" = None, *, noise_multiplier: float | None = None
    ) -> list[CanaryOutcome]:
        """Return what the training gave by the access that carries the verdict: scores beside coins.

        Args:
            model: the trained model; needed for record canaries.
            noise_multiplier: by which steps are scored, if not by the claimed one; for a control without noise, that of
                the training it is the control of.
        """
        is_in = np.array(self.coins.is_in)
        if not self.is_gradient:
            return [black_box_outcome(*self._scored(model), is_in, self._constant_claim())]
        return [
            trajectory_outcome(
                self._attached(),
                is_in,
                self.claimed(),
                is_independent=self._is_orthogonal,
                noise_multiplier=noise_multiplier,
            )
        ]

    def final_outcomes(self, model: "torch.nn.Module | None" = None) -> list[CanaryOutcome]:
        """Return what one sees who knows the weights before and after training alone; nothing for alternating canaries.

        Args:
            model: what ``make_private`` returned, trained; needed for record canaries.
        """
        if self.kind == "alternating":
            return []
        steps, is_in = self._attached(), np.array(self.coins.is_in)
        if self.is_gradient:
            return [final_outcome(steps, is_in)]
        trained, records = self._scored(model)
        return [final_outcome(steps, is_in, model=trained, records=records)]

    def _constant_claim(self) -> DpSgdParams | None:
        """Scores of records are good for other claims too, where noise or sampling changed on the way."""
        try:
            return self.claimed()
        except UnsupportedError:
            return None

    def _scored(self, model: "torch.nn.Module | None") -> "tuple[torch.nn.Module, RecordCanaries]":
        model = self._model if model is None else model
        if model is None or self._records is None:
            raise UnsupportedError("record canaries are scored by the trained model: call insert and attach first.")
        return model, self._records

    def idle_noise(self) -> NDArray[np.float64]:
        """Return ``(n_steps, n_idle)`` what was left of each step's noisy sum where no canary is, in clips."""
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
        claim: float | None = None,
        control: CanaryOutcome | None = None,
        name: str = "Opacus training",
    ) -> AuditReport:
        """Bound epsilon, test the claimed curve, and judge the claim.

        Args:
            model: the trained model, for record canaries; the attached one by default.
            delta: where the claim is stated.
            confidence: of the verdict.
            claim: the epsilon that was promised, to be held against what the engine recorded; ``None`` = what that gives.
            control: the first of `outcomes` of the same script with noise 0 and the clip kept; at a sample rate below 1
                scored with the ``noise_multiplier`` of this training.
            name: what to call the training.

        Raises:
            UnsupportedError: if nothing was trained, or the optimizer's methods were replaced after `attach`.
            ConfigError: if an argument is out of range, or what the engine recorded gives a larger epsilon than ``claim``.
        """
        check_delta(delta)
        check_probability("confidence", confidence)
        steps, script = self._attached(), self._script
        assert script is not None  # it is read where the optimizer is attached
        steps.check_still_attached()
        params = self.claimed() if self.is_gradient else self._constant_claim()
        return canary_report(
            [*self.outcomes(model), *self.final_outcomes(model)],
            params=params,
            claim_epsilon=claim,
            delta=delta,
            confidence=confidence,
            idle_noise=self.idle_noise(),
            batches=batches_of(steps, script),
            sensitivity=steps.sensitivity,
            step_bound=single_steps(steps, params, delta=delta, confidence=confidence) if self._is_orthogonal else None,
            untested=script.untested,
            control=control,
            name=name,
            provenance={"canaries": self._facts() | script.facts | {"max_grad_norm": steps.clip}},
            notes=(*self._notes, *script.notes, *notes_on(steps, self._engine, params, delta=delta)),
        )

    def _facts(self) -> dict[str, Any]:
        return {"kind": self.kind, "norm": self.norm, "n": len(self.coins.keys), "is_orthogonal": self._is_orthogonal}

    def _attached(self) -> "OpacusCanaries":
        if self._steps is None or not self._steps.sampled:
            raise UnsupportedError("nothing was trained yet: call attach after make_private, and train, first.")
        return self._steps
