from pathlib import Path

import pytest

from privaudit.config import AuditConfig, parse
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.pipeline.defend.arms import arms_of, with_adaptive_attacks
from privaudit.pipeline.defend.train import share_models
from privaudit.pipeline.plan import make_plan

RECIPE = {"epochs": 10, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.1}}
WORLDS = {"property": {"group": "sex", "value": "Female"}, "ratios": [0.5, 0.2]}


def config_of(*defenses, **more):
    return parse(AuditConfig, {"recipe": RECIPE, "defenses": list(defenses), "out": "o", **more}, where="test")


def test_every_arm_is_the_same_audit_but_for_its_defense():
    config = config_of({"name": "top_k", "k": 1}, {"name": "weight_decay", "value": 0.01}, seed=7)
    plain, filtered, decayed = arms_of(config)
    assert (plain.id, plain.kind, plain.folder) == ("none", "none", Path("o"))
    assert plain.config == with_adaptive_attacks(config) and plain.config.defenses == config.defenses
    assert [len(arm.config.attacks) for arm in (plain, filtered, decayed)] == [7, 7, 4]
    assert (filtered.kind, decayed.kind) == ("output", "training")
    assert filtered.config.output.params == {"k": 1} and filtered.config.recipe == config.recipe
    assert decayed.config.recipe.optimizer.weight_decay == 0.01 and decayed.config.output is None
    for arm in (filtered, decayed):
        assert (arm.config.seed, arm.config.design, arm.config.data) == (7, config.design, config.data)
        assert (arm.config.defenses, Path(arm.config.out)) == ((), Path("o/defenses") / arm.id)


def test_arms_are_called_by_their_ids_and_shown_by_their_titles():
    one, two = arms_of(
        config_of({"name": "top_k", "k": 1}, {"name": "top_k", "id": "three", "title": "Three", "k": 3})
    )[1:]
    assert [(one.id, one.title), (two.id, two.title)] == [("top_k", "top k (k 1)"), ("three", "Three")]


def test_arms_whose_titles_would_be_one_are_told_apart_by_their_ids():
    noisy = {"name": "dp_sgd", "noise_multiplier": 1.0}
    arms = arms_of(
        config_of({**noisy, "id": "fast", "recipe": {"epochs": 2}}, {**noisy, "id": "slow", "recipe": {"epochs": 9}})
    )
    titles = ["DP-SGD (noise multiplier 1.0), fast", "DP-SGD (noise multiplier 1.0), slow"]
    assert [arm.title for arm in arms] == ["no defense", *titles]


@pytest.mark.parametrize("second", [{"name": "top_k", "k": 3}, {"name": "rounding", "decimals": 1, "id": "none"}])
def test_two_arms_of_one_name_are_refused(second):
    with pytest.raises(ConfigError, match="called"):
        arms_of(config_of({"name": "top_k", "k": 1}, second))


@pytest.mark.parametrize("bad", ["../up", "a/b", "", "a b", "-x", "x" * 41])
def test_ids_that_are_no_folder_names_are_refused(bad):
    with pytest.raises(ConfigError, match="id"):
        config_of({"name": "top_k", "k": 1, "id": bad})


def test_unknown_defenses_and_parameters_name_the_nearest():
    with pytest.raises(ConfigError, match="top_k"):
        arms_of(config_of({"name": "topk"}))
    with pytest.raises(ConfigError, match="decimals"):
        arms_of(config_of({"name": "rounding", "decimal": 2}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "top_k", "id": "mine", "k": 0},
        {"name": "early_stopping", "id": "mine", "share": 2},
        {"name": "dp_sgd", "id": "mine", "noise_multiplier": 1.0, "recipe": {"steps": 5}},
    ],
)
def test_a_wrong_parameter_names_its_arm(wrong):
    with pytest.raises(ConfigError, match=r"^defenses\.mine: ") as told:
        arms_of(config_of({"name": "top_k", "k": 1}, {"name": "label_smoothing", "share": 0.1}, wrong))
    assert told.value.key == "defenses.mine"


def test_changes_of_the_data_are_for_worlds():
    with pytest.raises(UnsupportedError, match="kind: distribution"):
        arms_of(config_of({"name": "label_noise", "share": 0.1}))
    plain, noisy = arms_of(config_of({"name": "label_noise", "share": 0.1}, kind="distribution", distribution=WORLDS))
    assert plain.config.distribution.defense is None
    assert noisy.config.distribution.defense.name == "label_noise"


def test_a_released_model_is_not_trained_with_a_defense():
    model = {"checkpoint": "m", "members": "a", "non_members": "b"}
    with pytest.raises(UnsupportedError, match="trained already"):
        arms_of(config_of({"name": "weight_decay", "value": 0.01}, model=model))
    assert arms_of(config_of({"name": "top_k", "k": 1}, model=model))[1].config.model.checkpoint == "m"


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "distribution", "distribution": {**WORLDS, "defense": {"name": "label_noise", "share": 0.1}}},
        {"distribution": WORLDS},
        {"output": {"name": "top_k", "k": 1}},
        {"kind": "canaries", "recipe": {"steps": 5, "sample_rate": 0.1, "dp": {"noise_multiplier": 1}}},
    ],
)
def test_what_would_stand_in_every_arm_is_refused(content):
    with pytest.raises(ConfigError):
        config_of({"name": "rounding", "decimals": 1}, **content)


def test_whoever_knows_of_a_filter_asks_often_and_for_labels_alone():
    names = [
        m.name for m in with_adaptive_attacks(config_of({"name": "top_k", "k": 1}, attacks=["lira", "gap"])).attacks
    ]
    assert names == ["lira", "gap", "averaged_lira", "repeated_gap", "noise"]
    assert with_adaptive_attacks(config_of({"name": "weight_decay", "value": 0.1})).attacks == config_of().attacks
    alone = with_adaptive_attacks(config_of({"name": "top_k", "k": 1}, access="label", attacks=["gap"]))
    assert [m.name for m in alone.attacks] == ["gap", "repeated_gap", "noise"]
    once = with_adaptive_attacks(config_of({"name": "top_k", "k": 1}))
    assert with_adaptive_attacks(once) == once


def test_models_are_shared_and_what_is_there_is_kept(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "models").mkdir(parents=True)
    (tmp_path / "one/models/00000.safetensors").write_bytes(b"a")
    (tmp_path / "one/models/00001.safetensors").write_bytes(b"b")
    (tmp_path / "two/models/00001.safetensors").write_bytes(b"own")
    share_models(tmp_path / "one", tmp_path / "two")
    found = {path.name: path.read_bytes() for path in (tmp_path / "two/models").iterdir()}
    assert found == {"00000.safetensors": b"a", "00001.safetensors": b"own"}


def test_the_averaging_attack_is_as_strong_as_the_one_it_is_compared_with():
    """Else a filter gets credit for the weaker variance of the attack that was added."""
    lira = {"name": "lira", "variance": "pooled", "centre": "median"}
    plain, filtered = arms_of(config_of({"name": "output_noise", "scale": 1.0}, attacks=["loss", lira]))
    for arm in (plain, filtered):
        added = next(method for method in arm.config.attacks if method.name == "averaged_lira")
        assert added.params == {"variance": "pooled"}


def test_a_filter_that_withholds_nothing_is_refused():
    """What is left out of all but one class follows from what is told."""
    config = config_of(data={"source": "breast_cancer"}, output={"name": "top_k", "k": 1})
    with pytest.raises(ConfigError, match="withholds nothing of 2 classes"):
        make_plan(config)
    assert make_plan(config_of(data={"source": "digits"}, output={"name": "top_k", "k": 8})).config.output.params == {
        "k": 8
    }
