"""What a report says; `privaudit.report` writes it, `privaudit.gate` judges it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.types.design import Access, Unit
from privaudit.types.estimate import EpsilonEstimate, PrivacyClaim
from privaudit.types.frozen import set_array

SCHEMA_VERSION = "1.2"

POISONED = (
    "poisoned_membership"  # game in which the attacker adds records to the training of a model like the audited one
)
RECORD_RISK = "record_risk"  # game of rankings that look at more than an attacker has
POISONED_WORLDS = "poisoned_distribution"  # game in which the attacker adds records to the training sets of all worlds
TWO_BASE_GRAPHS = (
    "independent"  # protocol in which the attacker's graphs are parts of one graph, the audited ones of another
)
ONE_BASE_GRAPH = "shared"  # protocol in which all graphs, the attacker's and the audited ones, are parts of one

SectionKind = Literal["mia", "distribution", "canary", "games", "defense", "subgroups"]
ATTACKED: tuple[SectionKind, ...] = ("mia", "canary")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RocCurve:
    """True against false positive rate, one point per distinct score (ties are one block).

    Attributes:
        fpr: ``(k,)`` float64, ascending from 0 to 1.
        tpr: ``(k,)`` float64, ascending from 0 to 1.
        n_in: number of members, ``None`` for a computed curve.
        n_out: number of non-members, ``None`` for a computed curve.
    """

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    n_in: int | None = None
    n_out: int | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        set_array(self, "fpr", self.fpr, np.float64)
        set_array(self, "tpr", self.tpr, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured number with its interval.

    Attributes:
        name: ``auc``, ``tpr_at_fpr``, ``accuracy_in``, ...
        at: where on the scale of its name the number was read off, or ``None``: the false positive rate asked for (of
            ``tpr_beyond_claim`` its upper end); of ``ppv`` the prior; of ``records_at_risk`` the level of the false
            discovery rate; of counts among the records ranked first their share of all records; of ``tail_tnr`` the
            share of the members.
        value: the number, or ``None`` where it cannot be measured.
        lower: lower end of the interval, or ``None``.
        upper: upper end of the interval, or ``None``.
        confidence: confidence of the interval, or ``None``.
        rule: how the number was read off and what the interval means.
        achieved_fpr: the false positive rate actually reached, or ``None``.
    """

    name: str
    at: float | None = None
    value: float | None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    rule: str = ""
    achieved_fpr: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What one method found about one target.

    Attributes:
        id: unique in the report, e.g. ``lira-0``.
        method: the attack's or the accountant's name.
        params: its parameters.
        game: the privacy game played.
        access: what the attacker saw.
        unit: what one outcome is about.
        n_in: members scored, ``None`` for a computed finding.
        n_out: non-members scored, ``None`` likewise.
        metrics: the measured numbers.
        roc: the curve, if there is one.
        estimates: statements about epsilon.
        notes: what a reader must know.
    """

    id: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    game: str = "membership"
    access: Access | None = "score"
    unit: Unit = "record"
    n_in: int | None = None
    n_out: int | None = None
    metrics: tuple[Metric, ...] = ()
    roc: RocCurve | None = None
    estimates: tuple[EpsilonEstimate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def guesses_membership(self) -> bool:
        """Whether an attacker's guesses were judged; no blind baseline, no ranking for the model's owner."""
        return self.access is not None and self.game != RECORD_RISK

    @property
    def attacks_the_subject(self) -> bool:
        """Whether it is the audited model that was attacked; not one trained like it with records of the attacker's."""
        return self.guesses_membership and self.game != POISONED

    @property
    def is_about_the_law(self) -> bool:
        """Whether models of two worlds differ in their law alone: by no attacker's records, and no base graph shared by all."""
        is_poisoned = self.game == POISONED_WORLDS or bool(self.params.get("poison"))
        return not is_poisoned and self.params.get("protocol") != ONE_BASE_GRAPH

    @property
    def is_evidence_on_the_law(self) -> bool:
        """Whether it is about the law, and its intervals hold all that differs from one audit to the next.

        Two base graphs are one draw of their law, and audits with others differ by more than intervals over their parts say.
        """
        return self.is_about_the_law and self.params.get("protocol") != TWO_BASE_GRAPHS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """Findings of one kind, under one title.

    Attributes:
        kind: what the findings are about.
        title: the heading in words.
        findings: what was found.
        notes: what a reader must know about all of them.
    """

    kind: SectionKind
    title: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was audited.

    Attributes:
        name: what to call it.
        model_digest: sha256 of the target model's file.
        data_digest: sha256 of the data.
    """

    name: str
    model_digest: str
    data_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The positive control: the same attack and estimator where much less was held back.

    Attributes:
        name: what was changed, e.g. ``noise 0, no clipping``; for canaries ``noise 0, clip kept``.
        attack: the attack used.
        n_models: models trained for it.
        estimate: its bound; ``lower`` is ``control_lower``.
        metrics: what else was measured on it.
        params: counts from which a gate repeats its tests, empty where there are none.
    """

    name: str
    attack: str
    n_models: int
    estimate: EpsilonEstimate
    metrics: tuple[Metric, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One judgement with the numbers it rests on.

    Attributes:
        rule: ``claim``, or the id of a policy rule.
        outcome: ``violated``, ``consistent``, ``too_weak`` for the claim; ``pass``, ``fail``, ``inconclusive`` at a
            gate.
        numbers: the numbers compared.
        reason: a sentence, with what would suffice where the outcome is open.
        waiver: why a policy lets a failed or open outcome pass, and until when; "" where it does not.
    """

    rule: str
    outcome: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    reason: str = ""
    waiver: str = ""


GateOutcome = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What a gate says about a report.

    Attributes:
        outcome: ``fail`` if any verdict fails, else ``inconclusive`` if any is open, else ``pass``; verdicts that are waived do
            not count.
        verdicts: one per rule, then one per requirement.
        reason: a sentence; says so where open or waived verdicts were let pass.
    """

    outcome: GateOutcome
    verdicts: tuple[Verdict, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditReport:
    """Everything an audit has to say; holds no clock, no host name and no path.

    Attributes:
        schema_version: major.minor; minor steps only add keys.
        subject: what was audited.
        claim: the promised guarantee, or ``None``.
        sections: findings by kind.
        controls: positive controls.
        verdicts: judgements.
        provenance: versions, digests, seed, config: JSON-able values.
    """

    schema_version: str = SCHEMA_VERSION
    subject: Subject
    claim: PrivacyClaim | None
    sections: tuple[Section, ...]
    controls: tuple[Control, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def findings(self, *kinds: SectionKind) -> tuple[Finding, ...]:
        """Findings of all sections of these kinds, in their order."""
        return tuple(finding for section in self.sections if section.kind in kinds for finding in section.findings)

    def attacked(self) -> tuple[Finding, ...]:
        """Findings about a model's records or canaries: where membership was guessed."""
        return self.findings(*ATTACKED)

    def primary_estimates(self) -> tuple[tuple[Finding, EpsilonEstimate], ...]:
        """The estimates that carry the claim verdict, one per target, each with its finding.

        ``provenance["primary"]`` names the attack and the estimator; without it nothing is primary.
        """
        primary = self.provenance.get("primary") or {}
        wanted = (primary.get("attack"), primary.get("estimator"))
        return tuple(
            (finding, estimate)
            for finding in self.attacked()
            for estimate in finding.estimates
            if (finding.method, estimate.method) == wanted
        )

    def claim_verdict(self) -> Verdict | None:
        """The verdict on the claim, or ``None`` where there is none."""
        return next((verdict for verdict in self.verdicts if verdict.rule == "claim"), None)
