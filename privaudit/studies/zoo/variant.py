"""What an animal of the zoo is, and what one audit of it said."""

from collections.abc import Callable
from dataclasses import dataclass

from privaudit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one audit of one variant found.

    Attributes:
        is_flagged: whether the named audit refutes the claim, at 95 %.
        audit: the name of that audit.
        lower: model-free (Clopper-Pearson) lower bound on epsilon; 0 where the audit makes none.
        in_family: lower bound on epsilon that assumes the claimed family of mechanisms, or ``None``.
        claim_epsilon: the claimed epsilon.
        refutes_epsilon_delta: whether the model-free bound exceeds the claim, so that (epsilon, delta) falls as well.
        seconds: what the audit took, or ``None`` where nobody measured.
    """

    is_flagged: bool
    audit: str
    lower: float
    in_family: float | None
    claim_epsilon: float
    refutes_epsilon_delta: bool
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """A training mechanism, right or wrong, with the audit that is to judge it.

    Attributes:
        name: unique in the zoo, of lower case letters, digits and hyphens.
        title: the mechanism in a few words.
        leak: what the auditor sees, and by how much the truth exceeds the claim.
        setting: the parameters the leak depends on.
        audit: the score or probe that judges, and on which canary.
        is_defect: False where the mechanism keeps its claim at this setting, or leaks nothing that this audit could
            see: then it may be flagged no more often than a correct one.
        n_runs: trainings on each side; for one-run audits 1.
        claim: the claim in words.
        judge: from a seed to the verdict of a whole audit, training included.
    """

    name: str
    title: str
    leak: str
    setting: str
    audit: str
    is_defect: bool
    n_runs: int
    claim: str
    judge: Callable[[int], Judgement]

    def __post_init__(self) -> None:
        """Refuse names that a table or a command line could not hold, and sides without runs."""
        if not self.name.replace("-", "").isalnum() or self.name != self.name.lower():
            raise ConfigError(
                f"a variant's name takes lower case letters, digits, hyphens; got {self.name!r}.", key="name"
            )
        if self.n_runs < 1:
            raise ConfigError(f"a variant needs at least 1 run on each side; got {self.n_runs}.", key="n_runs")
