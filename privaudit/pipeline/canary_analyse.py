"""Right of the seam of a canary audit: from the played groups to its report, without torch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.config import AuditConfig
from privaudit.config.canaries import CanaryConfig
from privaudit.errors import StoreError
from privaudit.pipeline.canary_outcome import AS_GRADIENTS, CanaryOutcome
from privaudit.pipeline.canary_report import canary_report
from privaudit.pipeline.canary_sequential import sequential_report
from privaudit.pipeline.canary_steps import step_bound_of
from privaudit.pipeline.canary_stopping import Stopped, choosing_pairs, play_control, play_until_decided
from privaudit.pipeline.stored import stored_claim, stored_config
from privaudit.store.canary_folder import PlayedFolder
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import Manifest, digest, read_manifest
from privaudit.types import AuditReport, DpSgdParams

SAME_START = "All runs of the game start from the same weights, which are public; batches and noise are each run's own."
ORTHOGONAL = ("coordinate", "alternating")  # kinds of which no canary has a part in another's direction
PAIRS_BETWEEN_LOOKS = 10  # bets hold at every look; fewer looks only save time


def analyse_canaries(out: Path, *, changes: AuditConfig | None = None) -> AuditReport:
    """Put the report of a played canary audit together.

    Args:
        out: its folder.
        changes: another config, of which confidence and report are used.

    Returns:
        the report; a function of the stored files and the config alone.

    Raises:
        StoreError: if the game is not played to its end.
    """
    manifest = read_manifest(AuditFolder(out).manifest)
    config = stored_config(manifest, changes)
    canaries = config.canaries or CanaryConfig()
    _, params = stored_claim(manifest)
    assert params is not None  # a canary audit is refused without noise
    if canaries.stop_when is not None:
        stopped = stopped_after(out, n_groups(manifest, canaries), confidence=config.confidence)
        if stopped is None:
            raise StoreError(f"{out} is not played to its end. Run the same `privaudit run` command again.")
        return sequential_report(
            stopped,
            params=params,
            delta=_delta(manifest),
            config=config,
            name=_name(manifest),
            data_digest=manifest.data["digest"],
            model_digest=digest(dict(manifest.recipe)),
            provenance=_provenance(manifest, config),
            control=_sequential_control(out, stopped, manifest, config),
        )
    groups, delta = range(n_groups(manifest, canaries)), _delta(manifest)
    played = _read(out, "group", groups)
    control = None
    if config.control.n_models and not PlayedFolder(out, "control").missing(groups):
        silent = replace(params, noise_multiplier=0.0)
        control = outcome_of(PlayedFolder(out, "control").read(groups), canaries, silent)
    return canary_report(
        [outcome_of(played, canaries, params)],
        params=params,
        delta=delta,
        confidence=config.confidence,
        idle_noise=played["idle_noise"],
        step_bound=step_bound_of(
            played["projections"], played["sampled"], params, delta=delta, confidence=config.confidence
        )
        if canaries.kind in ORTHOGONAL
        else None,
        control=control,
        name=_name(manifest),
        data_digest=manifest.data["digest"],
        model_digest=digest(dict(manifest.recipe)),
        provenance=_provenance(manifest, config),
        notes=(SAME_START,) if canaries.game == "many_runs" else (),
    )


def n_groups(manifest: Manifest, canaries: CanaryConfig) -> int:
    """Return how many groups the whole game has."""
    n_runs = canaries.n_runs if canaries.game == "many_runs" else 1
    return -(-n_runs // int(manifest.recipe["group_size"]))


def stopped_after(out: Path, n_played: int, *, confidence: float | None = None) -> Stopped | None:
    """Return where a game to be stopped when decided stands after its first groups; ``None`` if it must go on.

    Args:
        out: the audit's folder.
        n_played: groups to look at, from the first; those not on disk end the look.
        confidence: of the bound; by default the config's.
    """
    manifest = read_manifest(AuditFolder(out).manifest)
    config = stored_config(manifest, None)
    canaries = config.canaries or CanaryConfig()
    claim, params = stored_claim(manifest)
    assert claim is not None and params is not None
    folder = PlayedFolder(out, "group")
    there = [group for group in range(n_played) if folder.file(group).exists()]
    if there != list(range(len(there))) or not there:
        return None
    scores = folder.read(there)["scores"][:, 0]

    def _stopped_at(level: float) -> Stopped:
        return play_until_decided(
            scores[0::2],
            scores[1::2],
            claim=claim.epsilon,
            delta=claim.delta,
            confidence=level,
            n_runs=canaries.n_runs,
            group=PAIRS_BETWEEN_LOOKS,
        )

    stopped = _stopped_at(config.confidence)
    if not stopped.is_decided and len(there) < n_groups(manifest, canaries):
        return None
    # bets hold wherever a game ended, so also at a confidence at which it would have gone on
    return stopped if confidence in (None, config.confidence) else _stopped_at(confidence)


def _sequential_control(out: Path, stopped: Stopped, manifest: Manifest, config: AuditConfig) -> Stopped | None:
    """Return the control of a stopped game, or ``None`` where there are too few of its runs."""
    claim, _ = stored_claim(manifest)
    canaries, folder = config.canaries or CanaryConfig(), PlayedFolder(out, "control")
    there = [group for group in range(n_groups(manifest, canaries)) if folder.file(group).exists()]
    if claim is None or not there:
        return None
    scores = folder.read(there)["scores"][:, 0]
    n_choosing = choosing_pairs(canaries.n_runs)
    if len(scores) < 2 * (n_choosing + stopped.n_played):
        return None
    return play_control(
        scores[0::2],
        scores[1::2],
        n_choosing=n_choosing,
        n_pairs=stopped.n_played,
        claim=claim.epsilon,
        delta=claim.delta,
        confidence=config.confidence,
    )


def outcome_of(played: dict[str, NDArray[Any]], canaries: CanaryConfig, params: DpSgdParams) -> CanaryOutcome:
    """Return the outcome of a game from its arrays.

    Args:
        played: from the game's folder.
        canaries: the game.
        params: of the training that was played.
    """
    is_many = canaries.game == "many_runs"
    own = np.s_[:, 0] if is_many else np.s_[0]
    return CanaryOutcome(
        name="white_box_trajectory" if canaries.is_gradient else "black_box",
        scores=played["scores"][own],
        is_in=played["is_in"][own],
        game=canaries.game,
        access="white_box" if canaries.is_gradient else "score",
        is_independent=is_many or canaries.kind in ORTHOGONAL,
        params=params,
        notes=(AS_GRADIENTS,) if canaries.is_gradient else (),
    )


def _read(out: Path, stem: str, groups: range) -> dict[str, NDArray[Any]]:
    folder = PlayedFolder(out, stem)
    missing = folder.missing(groups)
    if missing:
        raise StoreError(
            f"{out} is not played to its end: {len(missing)} of {len(groups)} groups of runs are missing. Run the same "
            "`privaudit run` command again; it goes on from there."
        )
    return folder.read(groups)


def _delta(manifest: Manifest) -> float:
    return float(manifest.recipe["variants"][0]["dp"]["delta"])


def _name(manifest: Manifest) -> str:
    model = manifest.recipe["model"]
    return f"{str(model['build']).rpartition(':')[2]} on {manifest.data['name']}, canaries"


def _provenance(manifest: Manifest, config: AuditConfig) -> dict[str, Any]:
    return {
        "seed": config.seed,
        "versions": dict(manifest.versions),
        "digests": manifest.digests(),
        "config": config.model_dump(mode="json", exclude={"out", "device", "engine"}),
    }
