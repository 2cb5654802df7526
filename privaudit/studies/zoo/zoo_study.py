"""The zoo as a study: every variant, by its named audit, on 20 fixed seeds."""

import math
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from scipy.stats import binom

from privaudit.interfaces import ProgressHook
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Cell, Check, StudyOptions, StudyResult, StudyTable
from privaudit.studies.zoo import game_variants, gradient_variants
from privaudit.studies.zoo.sensitivity_table import sensitivity_table
from privaudit.studies.zoo.variant import Judgement, Variant

ZOO: Mapping[str, Variant] = {
    variant.name: variant for variant in (*gradient_variants.VARIANTS, *game_variants.VARIANTS)
}
N_SEEDS, N_QUICK_SEEDS = 20, 2
QUICK = ("noise-halved", "clipped-per-layer", "first-batch-unnoised")
WANTED_SHARE = 0.9  # of the seeds, that a defect is flagged in
LEVEL, SURPRISE = 0.05, 1e-6  # of one audit; of a correct mechanism that fails its check
MOST_SECONDS = 60.0
COLUMNS = (
    "variant",
    "defect",
    "leak",
    "audit",
    "n a side",
    "flagged",
    "(eps, delta) refuted",
    "median model-free bound",
    "median in-family bound",
    "claim",
    "slowest s",
)
NOTES = (
    "Flagged: the claimed trade-off curve, or the claimed noise, is refuted at 95 %.",
    "(eps, delta) refuted: the model-free bound (Clopper-Pearson) exceeds the claimed epsilon as well; the noise probe has no such bound.",
    "In-family bounds assume a Gaussian mechanism; for other scores (nearest, energy) they do not measure a leak.",
    "A variant that is no defect keeps its claim at its setting, or hides from the named audit there; its leak says which.",
)


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Audit every variant of the zoo on fixed seeds.

    Args:
        options: ``is_quick`` takes three variants and two seeds; ``is_controls`` audits correct trainers instead.
        progress: called after each audit.
    """
    if options.is_controls:
        from privaudit.studies.zoo.controls import control_study

        return control_study(options, progress)
    names, n_seeds = (QUICK, N_QUICK_SEEDS) if options.is_quick else (tuple(ZOO), N_SEEDS)
    tasks = [(name, audit_seed(options.seed, name, number)) for name in names for number in range(n_seeds)]
    found = run_tasks(judge_timed, tasks, workers=options.workers, progress=progress, stage="zoo")
    result = zoo_result({ZOO[name]: found[i * n_seeds : (i + 1) * n_seeds] for i, name in enumerate(names)})
    return replace(result, tables=(*result.tables, sensitivity_table(seed=options.seed)))


def audit_seed(root: int, name: str, number: int) -> int:
    """Return the seed of one audit of one variant; it does not depend on which other variants there are.

    Args:
        root: the study's seed.
        name: the variant's.
        number: of the audit, from 0.
    """
    return int(np.random.SeedSequence([root, zlib.crc32(name.encode()), number]).generate_state(1)[0])


def judge_timed(task: tuple[str, int]) -> Judgement:
    """Play one audit.

    Args:
        task: the variant's name and the seed.

    Returns:
        The judgement with its seconds.
    """
    name, seed = task
    start = time.perf_counter()
    judgement = ZOO[name].judge(seed)
    return replace(judgement, seconds=time.perf_counter() - start)


def zoo_result(found: Mapping[Variant, Sequence[Judgement]]) -> StudyResult:
    """Put what was found into a table, and into one check per variant.

    Args:
        found: one judgement per seed for each variant.
    """
    slowest = max(_slowest(judgements) for judgements in found.values())
    in_time = Check(
        name="time of an audit",
        wanted=f"each under {MOST_SECONDS:g} s",
        measured=f"slowest {slowest:.1f} s",
        is_met=slowest < MOST_SECONDS,
    )
    table = StudyTable(
        title="Variants and the audits that judge them",
        columns=COLUMNS,
        rows=tuple(_row(*pair) for pair in found.items()),
        notes=NOTES,
    )
    return StudyResult(
        name="zoo",
        title="A zoo of broken differentially private training",
        tables=(table,),
        checks=(*(variant_check(*pair) for pair in found.items()), in_time),
    )


def variant_check(variant: Variant, judgements: Sequence[Judgement]) -> Check:
    """Check that a defect is flagged nearly always, and anything else no more often than a correct mechanism may be.

    Args:
        variant: what was audited.
        judgements: one per seed.
    """
    n, n_flagged = len(judgements), _n_flagged(judgements)
    least = math.ceil(WANTED_SHARE * n)
    most = int(binom.ppf(1.0 - SURPRISE, n, LEVEL))
    return Check(
        name=variant.name,
        wanted=f"flagged in at {f'least {least}' if variant.is_defect else f'most {most}'} of {n} seeds",
        measured=f"{n_flagged} of {n}",
        is_met=n_flagged >= least if variant.is_defect else n_flagged <= most,
    )


def _row(variant: Variant, judgements: Sequence[Judgement]) -> tuple[Cell, ...]:
    n = len(judgements)
    bounds = [judgement.in_family for judgement in judgements if judgement.in_family is not None]
    n_refuted = sum(judgement.refutes_epsilon_delta for judgement in judgements)
    return (
        variant.name,
        variant.is_defect,
        variant.leak,
        variant.audit,
        variant.n_runs,
        f"{_n_flagged(judgements)} of {n}",
        f"{n_refuted} of {n}",
        round(median(judgement.lower for judgement in judgements), 2),
        round(median(bounds), 2) if bounds else None,
        variant.claim,
        round(_slowest(judgements), 1),
    )


def _n_flagged(judgements: Sequence[Judgement]) -> int:
    return sum(judgement.is_flagged for judgement in judgements)


def _slowest(judgements: Sequence[Judgement]) -> float:
    return max(judgement.seconds or 0.0 for judgement in judgements)
