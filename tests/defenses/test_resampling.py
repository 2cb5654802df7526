import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.world_channels import world_channels
from privaudit.data.world_design import make_world_design
from privaudit.defenses.base import DataDefense
from privaudit.defenses.resampled_counts import fixed_size, resampled_counts
from privaudit.defenses.resampling import Resampling, class_cells, resample
from privaudit.errors import ConfigError, DataError, ShapeError

ENTRIES = json.loads((Path(__file__).parent.parent / "reference" / "distribution.json").read_text())["entries"]
RESAMPLE = [entry for entry in ENTRIES if entry["id"].startswith("resample_")]


def rng(seed=0):
    return np.random.default_rng(seed)


def mask_of(n_with, n_without, seed=0):
    return rng(seed).permutation(np.arange(n_with + n_without) < n_with)


def authors_counts(n_with, n_without, ratio, kind):
    """Counts by the authors' published code, as the specification reports it: d / (1 - d) in both branches."""
    factor, is_low = ratio / (1 - ratio), n_with / (n_with + n_without) < ratio
    if is_low == (kind == "under"):
        return n_with, round(n_with * factor)
    return round(n_without * factor), n_without


@pytest.mark.parametrize("entry", RESAMPLE, ids=[entry["id"] for entry in RESAMPLE])
def test_reference_counts(entry):
    given = entry["inputs"]
    found = resampled_counts(given["n_with"], given["n_without"], given["d"], given["kind"])
    assert list(found) == entry["expected"]


def test_the_published_counts_miss_the_ratio_except_at_a_half():
    for kind in ("under", "over"):
        assert authors_counts(300, 700, 0.5, kind) == resampled_counts(300, 700, 0.5, kind)
    for ratio, kind in ((0.25, "over"), (0.4, "under")):
        n_with, n_without = authors_counts(300, 700, ratio, kind)
        assert abs(n_with / (n_with + n_without) - ratio) > 0.15
        n_with, n_without = resampled_counts(300, 700, ratio, kind)
        assert n_with / (n_with + n_without) == pytest.approx(ratio, abs=1e-3)


@settings(max_examples=80)
@given(
    n_with=st.integers(20, 500),
    n_without=st.integers(20, 500),
    ratio=st.floats(0.2, 0.8),
    kind=st.sampled_from(["under", "over"]),
)
def test_one_group_stays_and_the_other_moves_one_way(n_with, n_without, ratio, kind):
    after = resampled_counts(n_with, n_without, ratio, kind)
    assert after[0] / sum(after) == pytest.approx(ratio, abs=1 / min(after))
    assert after[0] == n_with or after[1] == n_without
    for before, then in zip((n_with, n_without), after, strict=True):
        assert then <= before if kind == "under" else then >= before


@settings(max_examples=60)
@given(
    counts=st.lists(st.tuples(st.integers(10, 300), st.integers(10, 300)), min_size=1, max_size=5),
    ratio=st.floats(0.2, 0.8),
    kind=st.sampled_from(["under", "over"]),
)
def test_the_size_to_fix_suits_every_training_set(counts, ratio, kind):
    size = fixed_size(counts, ratio, kind)
    varying = [sum(resampled_counts(*row, ratio, kind)) for row in counts]
    assert abs(size - (min(varying) if kind == "under" else max(varying))) <= 3
    for n_with, n_without in counts:
        mask = mask_of(n_with, n_without)
        chosen = resample(mask, ratio=ratio, kind=kind, size=size, rng=rng())
        assert len(chosen) == size
        assert mask[chosen].sum() == round(size * ratio)
        if kind == "over":
            assert len(np.unique(chosen)) == len(mask)


def test_under_sampling_leaves_out_and_never_repeats():
    mask = mask_of(300, 700)
    for size in ("varying", 400):
        chosen = resample(mask, ratio=0.5, kind="under", size=size, rng=rng())
        assert len(np.unique(chosen)) == len(chosen) == (600 if size == "varying" else 400)
        assert mask[chosen].mean() == 0.5


def test_over_sampling_takes_every_record_of_a_small_group_and_repeats_no_other():
    mask = mask_of(300, 700)
    for size in ("varying", 2000):
        chosen = resample(mask, ratio=0.5, kind="over", size=size, rng=rng())
        times = np.bincount(chosen, minlength=1000)
        assert len(chosen) == (1400 if size == "varying" else 2000)
        assert (times >= 1).all()
        assert times[mask].sum() == times[~mask].sum() == len(chosen) // 2
    assert (np.bincount(resample(mask, ratio=0.5, kind="over", size="varying", rng=rng()))[~mask] == 1).all()
    small = np.bincount(resample(mask, ratio=0.5, kind="over", size=1000, rng=rng()), minlength=1000)
    assert (small[mask] >= 1).all()
    assert (small[~mask] <= 1).all()
    assert small[~mask].sum() == 500


def test_records_are_left_out_equally_often():
    """300 times 100 of 200: a record is kept 150 times, sd 8.7; that any of 200 strays by 5 sd has chance 1e-4."""
    mask, times = np.arange(300) < 100, np.zeros(300)
    for seed in range(300):
        times[resample(mask, ratio=0.5, kind="under", size="varying", rng=rng(seed))] += 1
    assert (times[mask] == 300).all()
    assert np.abs(times[~mask] - 150).max() < 5 * np.sqrt(75)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    n_classes=st.integers(1, 4),
    ratio=st.sampled_from([0.3, 0.5, 0.62]),
    kind=st.sampled_from(["under", "over"]),
)
def test_each_group_keeps_its_class_shares_to_within_whole_numbers(seed, n_classes, ratio, kind):
    generator = rng(seed)
    mask = generator.random(240) < generator.uniform(0.2, 0.8)
    labels = np.where(
        mask, *(generator.choice(n_classes, 240, p=generator.dirichlet(np.ones(n_classes))) for _ in range(2))
    )
    chosen = resample(mask, ratio=ratio, kind=kind, size="varying", rng=rng(1), labels=labels)
    assert (len(np.unique(chosen)) == len(chosen)) or kind == "over"
    for group in (mask, ~mask):
        before, after = (np.bincount(labels[rows], minlength=n_classes) for rows in (group, chosen[group[chosen]]))
        factor = after.sum() / before.sum()
        assert np.abs(after - before * factor).max() < 1 + factor  # a record more or less before, and rounding after
        if kind == "over":
            assert (after >= before).all()


def test_cells_sum_to_the_sizes_and_never_ask_for_what_is_not_there():
    generator = rng(4)
    for _ in range(500):
        there = generator.integers(0, 12, (2, 3)) + np.array([[1, 0, 0], [1, 0, 0]])
        for factor in (0.3, 0.8, 1.0, 1.4, 3.0):
            sizes = np.maximum(1, (there.sum(axis=1) * factor).astype(int))
            cells = class_cells(there, sizes)
            assert (cells.sum(axis=1) == sizes).all()
            assert (cells[there == 0] == 0).all()
            assert (cells <= there).all() if factor <= 1 else (cells >= there).all()


MASK = rng(1).random(12_000) < 0.5
LABELS = (rng(2).random(12_000) < np.where(MASK, 0.15, 0.35)).astype(np.int64)


@pytest.mark.parametrize("kind", ["under", "over"])
@pytest.mark.parametrize("n_records", [500, 503, 307, 1000])
def test_a_fixed_size_closes_every_channel(kind, n_records):
    """Worlds of 10 % to 90 %: neither the size nor the classes tell anything afterwards; where the size varies it does."""
    ratios = (0.5, 0.1, 0.23, 0.4, 0.77, 0.9)
    counts = [(round(ratio * n_records), n_records - round(ratio * n_records)) for ratio in ratios]
    found = {}
    for size in (fixed_size(counts, 0.5, kind), "varying"):
        defense = Resampling(ratio=0.5, kind=kind, size=size)
        design = make_world_design(
            labels=LABELS,
            n_classes=2,
            has_property=MASK,
            ratios=ratios,
            n_records=n_records,
            n_shadows=4,
            n_victims=6,
            n_queries=20,
            seed=0,
            treat=lambda role, rows, generator, defense=defense: defense.treat(rows, MASK, LABELS, generator),
        )
        assert design.member_labels is None
        for members in design.members:
            assert MASK[members].mean() == pytest.approx(0.5, abs=0.6 / len(members))
        found[size == "varying"] = world_channels(design, LABELS, 2)
    assert all(channel.is_constant for channel in found[False] if channel.name != "distinct records")
    told = {channel.name for channel in found[True] if channel.accuracy == 1.0 and channel.world != 6}
    assert "size" in told


def test_the_same_generator_takes_the_same_records():
    mask = mask_of(30, 70)
    first, again, other = (resample(mask, ratio=0.5, kind="over", size=200, rng=rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_small_a_training_set_names_the_largest_size():
    mask = mask_of(300, 700)
    for ratio in (0.25, 0.5, 0.61):
        with pytest.raises(ConfigError, match="The largest size that would do here is") as caught:
            resample(mask, ratio=ratio, kind="under", size=1300, rng=rng())
        most = int(str(caught.value).split()[-1].rstrip("."))
        assert len(resample(mask, ratio=ratio, kind="under", size=most, rng=rng())) == most
        with pytest.raises(ConfigError):
            resample(mask, ratio=ratio, kind="under", size=most + 1, rng=rng())


@pytest.mark.parametrize(
    ("error", "change"),
    [
        (DataError, {"has_property": np.ones(5, bool)}),
        (DataError, {"has_property": np.zeros(5, bool), "size": 4}),
        (DataError, {"has_property": np.zeros(0, bool)}),
        (DataError, {"has_property": np.array([0, 1, 1])}),
        (DataError, {"has_property": np.array([[True, False]])}),
        (DataError, {"ratio": 0.01, "kind": "under"}),
        (ShapeError, {"labels": np.zeros(4, int)}),
        (DataError, {"labels": np.zeros(5)}),
        (DataError, {"labels": np.full(5, -1)}),
        (ConfigError, {"ratio": 0.0}),
        (ConfigError, {"ratio": 1.0}),
        (ConfigError, {"ratio": 50}),
        (ConfigError, {"ratio": float("nan")}),
        (ConfigError, {"kind": "both"}),
        (ConfigError, {"size": 0}),
        (ConfigError, {"size": 1}),
        (ConfigError, {"size": 4.0}),
        (ConfigError, {"size": True}),
        (ConfigError, {"size": "fixed"}),
    ],
)
def test_what_cannot_be_re_sampled_is_refused(error, change):
    given = {"has_property": np.arange(5) < 2, "ratio": 0.5, "kind": "under", "size": "varying", "rng": rng()} | change
    with pytest.raises(error):
        resample(given.pop("has_property"), **given)


@pytest.mark.parametrize("change", [{"ratio": 0.0}, {"kind": "both"}, {"size": "fixed"}, {"size": 1}])
def test_a_defense_is_checked_when_it_is_made(change):
    with pytest.raises(ConfigError):
        Resampling(**({"size": 100} | change))


def test_no_size_suits_no_training_set():
    with pytest.raises(ConfigError):
        fixed_size([], 0.5, "under")


def test_it_is_a_defense_of_training_sets():
    defense = Resampling(ratio=0.5, kind="over", size=8)
    assert isinstance(defense, DataDefense)
    rows, mask, labels = np.array([9, 3, 5]), np.arange(10) == 9, np.arange(10) % 3
    chosen, classes = defense.treat(rows, mask, labels, rng())
    assert mask[chosen].sum() == 4
    assert set(chosen.tolist()) == {3, 5, 9}
    assert np.array_equal(classes, labels[chosen])


@pytest.mark.statistical
@pytest.mark.parametrize("ratio", [0.05, 0.2, 0.5])
def test_classes_that_were_taken_as_they_came_keep_their_law(ratio):
    """Of n independent classes of chance p any n kept at random are binomial: variance n p (1 - p), within 5 standard errors.

    Cutting class by class fixes the classes of the group that is cut: at ratio .05 its variance is a fifth of that.
    """
    n, p, size, draws = 500, 0.4, 50, 3000
    n_with = round(ratio * n)
    generator, has = rng(7), np.arange(n) < n_with
    counts = {}
    for keeps in (False, True):
        defense = Resampling(ratio=0.5, kind="under", size=size, keeps_classes=keeps)
        kept = []
        for _ in range(draws):
            labels = (generator.random(n) < p).astype(np.int64)
            kept.append(int(defense.treat(np.arange(n), has, labels, generator)[1].sum()))
        counts[keeps] = float(np.var(kept))
    wanted = size * p * (1 - p)
    assert abs(counts[False] - wanted) < 5 * wanted * np.sqrt(2 / draws)
    if ratio < 0.5:
        assert counts[True] < 0.75 * wanted  # what was wrong


def test_whether_classes_are_kept_is_yes_or_no():
    with pytest.raises(ConfigError, match="keeps_classes must be true or false"):
        Resampling(size=10, keeps_classes="no")
