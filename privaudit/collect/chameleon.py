"""The collector of Chameleon: rounds of poisoning on shadow models, then the targets, trained anew with the copies."""

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.chameleon import DEFAULT_CHALLENGE, FEWEST_CHALLENGE, signal_names
from privaudit.attacks.label_only.chameleon_settings import ChameleonSettings, named_settings
from privaudit.collect.chameleon_rounds import PoisonPlan, Round, RoundOutputs, chameleon_rounds
from privaudit.collect.stages import CollectContext, Keep, Measured, Request, Stages, TrainPoisoned, refuse_filter
from privaudit.data.seeds import stream_generator
from privaudit.errors import UnsupportedError
from privaudit.scoring.signals import POISON_SIGNALS
from privaudit.types import AuditDesign
from privaudit.types.design import SHADOW, TARGET


def challenge_records(design: AuditDesign, n: int) -> NDArray[np.int64]:
    """Draw the records that copies are planted of, among those with coins, by the seed alone.

    Args:
        design: of the audit.
        n: how many.
    """
    drawn = stream_generator(design.seed, "challenge").choice(design.coin_records, n, replace=False)
    return np.sort(drawn)


def free_shadows(design: AuditDesign) -> NDArray[np.int64]:
    """Return the rows of shadow models, pair by pair, that are neither a target nor a target's complement."""
    targets, shadows = design.models_with_role(TARGET), design.models_with_role(SHADOW)
    free = np.setdiff1d(shadows, design.pair[targets])
    return free[np.isin(design.pair[free], free)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChameleonCollector:
    """Trains shadow models in rounds with ever more planted copies, then each target with those decided upon.

    Shadow models are complete pairs that have nothing to do with a target; decisions are pure functions of what they answer.

    Attributes:
        settings: name of the settings.
        n_challenge: records that are attacked.
    """

    name: ClassVar[str] = "chameleon"
    produces: ClassVar[frozenset[str]] = frozenset(POISON_SIGNALS)
    settings: str = "calibrated"
    n_challenge: int = DEFAULT_CHALLENGE

    @property
    def chosen(self) -> ChameleonSettings:
        """The settings of the name."""
        return named_settings(self.settings)

    def check(self, context: CollectContext) -> None:
        """Refuse audits without enough free pairs of shadow models or records, and released models.

        Raises:
            UnsupportedError: says what is missing.
        """
        if context.is_filtered:
            refuse_filter(min(self.produces))
        design, wanted = context.design, self.chosen.n_shadows
        if not design.is_trained.all():
            raise UnsupportedError(
                "chameleon plants records in the training data, and a released model (model.checkpoint) is trained already. Leave "
                "the attack out."
            )
        if design.kind != "paired":
            raise UnsupportedError(
                f"chameleon takes pairs of shadow models with opposite coins; design.kind is {design.kind}. Set design.kind: paired."
            )
        free = len(free_shadows(design))
        if free < wanted and design_size(design) == len(design.models_with_role(TARGET)):
            raise UnsupportedError(
                f"chameleon takes {wanted} shadow models that have nothing to do with a target, and every model is a target. Name fewer "
                "of them (design.targets)."
            )
        if free < wanted:
            raise UnsupportedError(
                f"chameleon with settings {self.settings} takes {wanted} shadow models, in pairs that have nothing to do with a "
                f"target; {free} are there. Raise design.n_models to {design_size(design) + wanted - free}."
            )
        if len(design.coin_records) < self.n_challenge:
            raise UnsupportedError(
                f"chameleon attacks n_challenge records; {self.n_challenge} are asked for, {len(design.coin_records)} have coins. "
                f"Lower n_challenge (at least {FEWEST_CHALLENGE}), or raise data.n_records."
            )

    def stages(self, context: CollectContext) -> Stages:
        """Play the rounds, store what they decided with the targets, then train and ask the targets."""
        design = context.design
        records = challenge_records(design, self.n_challenge)
        plan = yield from self._rounds(context, records)
        targets = [row for row in design.models_with_role(TARGET).tolist() if row not in context.diverged]
        agreement, kept, copies, confidence = signal_names(self.settings, self.n_challenge)
        decided = {kept: plan.kept.astype(float), copies: plan.copies[:, None] * 1.0}
        decided[confidence] = plan.out_confidence[:, None]
        yield Keep(models=targets, records=records, values=decided, stale=(agreement,))
        yield TrainPoisoned(
            models=targets,
            records=records,
            copies=plan.copies,
            labels=plan.labels,
            signals={"agreement": agreement},
            n_candidates=self.chosen.n_candidates,
        )

    def _rounds(self, context: CollectContext, records: NDArray[np.int64]) -> Generator[Request, Measured, PoisonPlan]:
        design = context.design
        shadows = free_shadows(design)[: self.chosen.n_shadows]
        rounds = chameleon_rounds(
            self.chosen,
            design.is_in[np.ix_(shadows, records)],
            context.labels[records],
            n_classes=context.n_classes,
            seed=design.seed,
        )
        request = next(rounds)
        while True:
            asked = self._request(request, shadows, records)
            measured = yield asked
            outputs = _outputs(measured, asked)
            try:
                request = rounds.send(outputs)
            except StopIteration as stop:
                plan: PoisonPlan = stop.value
                return plan

    def _request(self, request: Round, shadows: NDArray[np.int64], records: NDArray[np.int64]) -> TrainPoisoned:
        """Name what is stored by all that it depends on, so that nothing of other rounds is taken for it."""
        parts = (shadows, records, request.copies, request.labels)
        digest = hashlib.sha256(b"|".join(part.astype("<i8").tobytes() for part in parts)).hexdigest()[:12]
        readings = ("logits", "margins") if request.wants_candidates else ("logits",)
        stage = f"{self.settings}-{self.n_challenge}-round-{request.number}-{digest}"
        return TrainPoisoned(
            models=shadows.tolist(),
            records=records,
            copies=request.copies,
            labels=request.labels,
            signals={reading: f"poisoned_{reading}@{stage}" for reading in readings},
            n_candidates=self.chosen.n_candidates if request.wants_candidates else 0,
        )


def design_size(design: AuditDesign) -> int:
    """Number of targets and shadow models."""
    return len(design.models_with_role(TARGET, SHADOW))


def _outputs(measured: Measured, asked: TrainPoisoned) -> RoundOutputs:
    if len(measured.models) < len(asked.models):
        raise UnsupportedError(
            f"{len(asked.models) - len(measured.models)} shadow models of chameleon diverged with planted copies, and none may be "
            "left out. Lower recipe.optimizer.lr, or leave the attack out."
        )
    tables = {reading: measured.read(name).values for reading, name in asked.signals.items()}
    return RoundOutputs(logits=tables["logits"], margins=tables.get("margins"))
