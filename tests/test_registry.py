import importlib
from typing import get_args

import pytest

from privaudit.cli.main import exit_code
from privaudit.config import load_config
from privaudit.config.canaries import CanaryConfig
from privaudit.errors import ConfigError
from privaudit.games.catalog import GAMES
from privaudit.registry import create_attack, create_estimator, list_methods

KINDS = {
    "attack": {"name", "signals", "record_fields", "game", "access", "run"},
    "distribution_attack": {"name", "game", "access", "answers", "fewest_shadows", "run"},
    "defense": {"name"},
    "estimator": {"name", "check", "estimate"},
    "collector": {"name", "produces", "stages"},
    "canary": set(),
    "game": set(),
    "model": set(),
    "data": set(),
}


def test_kinds():
    assert {method.kind for method in list_methods()} == set(KINDS)
    for kind in KINDS:
        methods = list_methods(kind)
        assert methods
        assert {method.kind for method in methods} == {kind}
        assert len({method.name for method in methods}) == len(methods)
    with pytest.raises(ConfigError, match=r"kind must be one of attack.*got 'atack'. Did you mean attack"):
        list_methods("atack")


@pytest.mark.parametrize("method", list_methods(), ids=lambda method: f"{method.kind}-{method.name}")
def test_every_method_is_where_it_says_and_keeps_its_protocol(method):
    module, _, attribute = method.where.partition(":")
    built = getattr(importlib.import_module(module), attribute)
    assert callable(built)
    assert method.summary
    assert method.needs
    assert all(hasattr(built, name) for name in KINDS[method.kind])
    if "name" in KINDS[method.kind]:
        assert built.name == method.name
        if method.kind != "defense":  # how much of it is for whoever defends to say
            assert type(built()) is built  # every parameter has a default


def test_every_canary_and_game_of_a_config_is_listed():
    for kind, field in (("canary", "kind"), ("game", "game")):
        known = get_args(CanaryConfig.model_fields[field].annotation)
        games = tuple(GAMES) if kind == "game" else ()
        assert tuple(method.name for method in list_methods(kind)) == known + games
    assert "betting" in list_methods("game")[1].summary


def test_the_command_lists_every_kind(capfd):
    for words in (["canaries"], ["games"], []):
        assert exit_code(["list", *words]) == 0
        shown = capfd.readouterr().out
        kinds = {"canaries": ["canary"], "games": ["game"]}.get("".join(words), KINDS)
        assert all(f"  {method.name} " in shown for kind in kinds for method in list_methods(kind))


def test_attacks_declare_signals_that_a_collector_makes():
    made = frozenset()
    for row in list_methods("collector"):
        module, _, attribute = row.where.partition(":")
        made |= getattr(importlib.import_module(module), attribute).produces
    for row in list_methods("attack"):
        attack = create_attack(row.name, {})
        assert {name.partition("@")[0] for name in attack.signals} <= made  # settings stand behind the @
        assert attack.access in ("score", "label")
        games = {"lt_iqr": "record_risk", "chameleon": "poisoned_membership"}
        assert attack.game == games.get(row.name, "membership")
        assert isinstance(attack.record_fields, frozenset)


def test_the_built_in_audit_names_known_methods():
    config = load_config()
    assert [create_attack(m.name, m.params).name for m in config.attacks] == ["loss", "lira", "rmia"]
    assert [create_estimator(m.name, m.params).name for m in config.estimators] == ["one_run"]
    assert config.model.build in {method.name for method in list_methods("model")}
    assert config.data.source in {method.name for method in list_methods("data")}


def test_parameters_arrive():
    assert create_attack("lira", {"variance": "pooled"}).variance == "pooled"
    assert create_estimator("one_run", {"share": 0.25}).share == 0.25


@pytest.mark.parametrize(
    ("create", "name", "params", "words", "key"),
    [
        (
            create_attack,
            "lria",
            {},
            r"attack must be one of loss, lira, nig.*; got 'lria'. Did you mean lira",
            "attacks.lria",
        ),
        (create_attack, "one_run", {}, "attack must be one of", "attacks.one_run"),
        (create_estimator, "onerun", {}, "got 'onerun'. Did you mean one_run", "estimators.onerun"),
        (
            create_attack,
            "lira",
            {"varianse": 1},
            "it has mode, variance.*Did you mean variance",
            "attacks.lira.varianse",
        ),
        (
            create_attack,
            "lira",
            {"signals": 1},
            "no parameter 'signals'; it has mode, variance",
            "attacks.lira.signals",
        ),
        (create_attack, "loss", {"name": "x"}, "attack loss has no parameter 'name'; it has none", "attacks.loss.name"),
        (create_attack, "rmia", {"gamma": "x"}, "gamma|wrong type", None),
        (create_attack, "lira", {"variance": "poled"}, "variance", None),
        (create_estimator, "one_run", {"share": "x"}, "share|wrong type", None),
    ],
)
def test_mistakes_name_the_nearest(create, name, params, words, key):
    with pytest.raises(ConfigError, match=words) as caught:
        create(name, params)
    assert "\n" not in str(caught.value)
    assert key is None or caught.value.key == key
