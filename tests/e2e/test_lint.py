"""`privaudit lint`, and the pre-commit hooks that run it."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from privaudit.report.serialise import report_to_json

ROOT = Path(__file__).resolve().parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
GOOD_CONFIG = {"recipe": {"epochs": 3, "batch_size": 8}, "model": {"build": "mlp"}, "data": {"source": "adult"}}
RULE = {"id": "advantage", "metric": "auc", "max": 0.6}
WORLDS = {"ratios": [0.2, 0.5], "property": {"group": "sex", "value": "Female"}}
WHITE_BOX = {"kind": "distribution", "access": "white_box"}


@pytest.fixture
def write(command):
    def written(name, content):
        (command.folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return name

    return written


@pytest.fixture(scope="module")
def sample_report_json(sample):
    return report_to_json(sample.sample_report())


@pytest.fixture
def lint(command, write):
    """Checks one config or policy; returns its lines."""

    def lines(content, *options, code):
        result = command.inside("lint", write("file.yaml", content), *options, code=code)
        assert result.stderr == ""
        found = result.stdout.splitlines()
        assert found and all(line.startswith("file.yaml: ") for line in found), found
        return [line.removeprefix("file.yaml: ") for line in found]

    return lines


def test_faultless_files_are_named_by_their_kind(lint, command):
    assert lint(GOOD_CONFIG, code=0) == ["audit config, ok"]
    assert lint({"rules": [RULE]}, code=0) == ["policy, ok"]
    command.inside("init", "mine")
    assert command.inside("lint", "mine/audit.yaml").stdout == "mine/audit.yaml: audit config, ok\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recip": {}}, ["recip: unknown key", "recipe"]),
        ({"attacks": ["lria"]}, ["lria", "Did you mean lira"]),
        ({"attacks": [{"name": "lira", "varience": "pooled"}]}, ["varience", "variance"]),
        ({"estimators": ["clopper_pearson"], "primary": {"estimator": "clopper_pearson"}}, ["one_run"]),
        ({"primary": {"attack": "rmai"}}, ["primary.attack", "rmai"]),
        ({"attacks": ["lt_iqr"]}, ["lt_iqr", "Name another primary attack"]),
        ({"data": {"source": "adlut"}}, ["adlut", "adult"]),
        ({"data": {"source": "adult", "label": "incme"}}, ["income"]),
        ({"data": {"source": "adult", "groups": ["sexx"]}}, ["sexx", "Did you mean sex"]),
        ({"data": {"source": "records.csv"}}, ["data.label"]),
        ({"data": {"source": "target.py:load"}}, ["target.py: function load does not exist", "load_data"]),
        ({"data": {"source": "nowhere.py:load"}}, ["nowhere.py: cannot be read"]),
        ({"model": {"build": "mpl"}}, ["mpl", "mlp"]),
        ({"model": {"build": "broken.py:build_model"}}, ["broken.py, line 1"]),
        ({"model": {"train": "target.py"}}, ["file.py:function"]),
        ({"design": {"n_models": 7}}, ["even"]),
        ({"design": {"n_models": 8, "targets": [9]}}, ["targets"]),
        ({"design": {"n_models": 4}}, ["primary.attack", "n_models"]),
        ({"access": "label", "attacks": ["lira"]}, ["hard labels", "lira"]),
        ({"kind": "canaries"}, ["recipe.dp is missing"]),
        ({"kind": "distribution"}, ["needs the block distribution"]),
        ({"kind": "distribution", "distribution": {**WORLDS, "attacks": ["gaus"]}}, ["gaus", "gauss"]),
        ({"kind": "distribution", "distribution": {**WORLDS, "defense": {"name": "resample"}}}, ["resampling"]),
        ({"kind": "distribution", "distribution": {**WORLDS, "defense": {"name": "resampling", "rato": 1}}}, ["ratio"]),
        ({"defenses": [{"name": "top_kk", "k": 3}]}, ["top_kk", "Did you mean top_k"]),
        ({"defenses": [{"name": "temperature"}]}, ["temperature needs value"]),
        ({"defenses": [{"name": "top_k", "k": 3}, {"name": "top_k", "k": 1}]}, ["top_k", "id"]),
        ({"defenses": [{"name": "label_noise", "share": 0.1}]}, ["label_noise", "distribution"]),
        ({"output": {"name": "dp_sgd", "noise_multiplier": 1}}, ["output", "dp_sgd changes no answers"]),
        ({"kind": "distribution", "access": "label", "distribution": {**WORLDS, "attacks": ["kl"]}}, ["needs scores"]),
        (
            {**WHITE_BOX, "distribution": {**WORLDS, "defense": {"name": "top_k", "k": 1}}},
            ["does not protect", "distribution.defense"],
        ),
        (
            {**WHITE_BOX, "distribution": WORLDS, "defenses": [{"name": "top_k", "k": 1}]},
            ["does not protect", "defenses.top_k"],
        ),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_what_is_wrong_in_a_config(lint, write, changes, words):
    write("target.py", "def load_data(): ...\n")
    write("broken.py", "def build_model(:\n")
    (line,) = lint({**GOOD_CONFIG, **changes}, code=2)
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"source": "not-there.csv", "label": "y"}},
        {"data": {"source": "not-there.npz"}},
        {"data": {"source": "target.py:load_data"}, "model": {"build": "target.py:Network"}},
        {"data": {"source": "target.py:imported"}, "model": {"build": "target.py:assigned"}},
        {"model": {"build": "anything.py:whatever"}},
        {"kind": "distribution", "distribution": {**WORLDS, "defense": {"name": "resampling"}}},
        {**WHITE_BOX, "distribution": {**WORLDS, "defense": {"name": "resampling"}, "poison": {"share": 0.1}}},
        {"kind": "canaries", "recipe": {"epochs": 3, "batch_size": 8, "dp": {"noise_multiplier": 1.0}}},
        {"access": "label"},
        {"attacks": ["augmentation", "quantile"], "primary": {"attack": "quantile"}},
        {"design": {"n_models": 500}},
        {"defenses": [{"name": "dp_sgd", "noise_multiplier": 1}, {"name": "top_k", "k": 3}]},
        {"output": {"name": "temperature", "value": 2}},
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_what_only_data_can_tell_is_no_problem(lint, write, changes):
    """Nothing of the user's is run: a file that ends the process when it is imported is read all the same."""
    body = "import os\nfrom neighbour import thing as imported\ntry:\n    assigned = object()\nexcept OSError: ...\nos._exit(9)\n"
    write("target.py", body + "def load_data(): ...\nclass Network: ...\n")
    write("anything.py", "from neighbour import *\n")
    assert lint({**GOOD_CONFIG, **changes}, code=0) == ["audit config, ok"]


def test_every_problem_is_told(lint):
    content = {"recipe": {"epochs": 3, "batch": 8}, "seeed": 1, "confidence": 2}
    assert [line.partition(":")[0] for line in lint(content, code=2)][:2] == ["recipe.batch", "seeed"]
    content = {**GOOD_CONFIG, "attacks": ["lria", {"name": "rmia", "b": 1}], "model": {"build": "mpl"}}
    lines = lint(content, code=2)
    assert len(lines) == 3 and "lria" in lines[0] and "'b'" in lines[1] and "mpl" in lines[2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rules": [{**RULE, "max": 1.5}]}, ["max"]),
        ({"rules": [{**RULE, "grupo": "sex"}]}, ["grupo", "group"]),
        ({"rules": [RULE, RULE]}, ["more than once"]),
        ({"rules": []}, ["rules"]),
        ({"rulse": [RULE], "require": {}}, ["rulse", "Did you mean rules"]),
        ({"rules": [RULE], "baseline": {"report": "old.json", "rules": []}}, ["baseline.rules"]),
    ],
)
def test_what_is_wrong_in_a_policy(lint, content, words):
    line = lint(content, code=2)[0]
    assert all(word in line for word in words), line


def test_the_baseline_of_a_policy_must_be_a_report(command, write, lint, sample_report_json):
    growth = {"id": "growth", "metric": "auc", "max_increase": 0.05}
    policy = {"rules": [RULE], "baseline": {"report": "before/report.json", "rules": [growth]}}
    assert "before/report.json" in lint(policy, code=2)[0]
    (command.folder / "before").mkdir()
    (command.folder / "before" / "report.json").write_text(sample_report_json)
    assert lint(policy, code=0) == ["policy, ok"]
    assert lint({**policy, "baseline": {"report": "before", "rules": [growth]}}, code=0) == ["policy, ok"]
    (command.folder / "before" / "report.json").write_text(sample_report_json.replace("adult-mlp", "adult-mlq"))
    assert "was changed after it was written" in lint(policy, code=2)[0]


def test_waivers_that_expired_are_a_warning(lint):
    waivers = [{"rule": "advantage", "reason": "known", "expires": "2020-02-29"}]
    lines = lint({"rules": [RULE], "waivers": waivers}, code=0)
    assert lines[0].startswith("warning: the waiver of advantage expired on 2020-02-29") and lines[1] == "policy, ok"
    waivers[0]["expires"] = "2999-01-01"
    assert lint({"rules": [RULE], "waivers": waivers}, code=0) == ["policy, ok"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [", "not valid YAML"),
        ("- a\n", "expected keys with values"),
        ("a: 1\na: 2\n", "comes twice"),
        ({"rulez": [], "schema_version": 1}, "neither an audit config (recipe, data, model, ...) nor a policy"),
        ({"rulez": []}, "Did you mean rules?"),
    ],
)
def test_what_is_neither(lint, content, says):
    assert any(says in line for line in lint(content, code=2))


def test_the_kind_can_be_forced(lint):
    assert "rules: unknown key" in lint({"rules": [RULE]}, "--kind", "config", code=2)[0]
    assert "data: unknown key." in lint(GOOD_CONFIG, "--kind", "policy", code=2)


def test_all_files_are_looked_at_and_json_says_the_same(command, write):
    names = [write("bad.yaml", {"recip": {}, "seed": 0}), "nowhere.yaml", write("good.yaml", {"rules": [RULE]}), "."]
    text = command.inside("lint", *names, code=2).stdout.splitlines()
    assert {line.partition(":")[0] for line in text} == set(names) and text[-2] == "good.yaml: policy, ok"
    found = json.loads(command.inside("lint", "--format", "json", *names, code=2).stdout)
    assert [(check["file"], check["kind"]) for check in found] == list(
        zip(names, ["config", None, "policy", None], strict=True)
    )
    assert [bool(check["problems"]) for check in found] == [True, True, False, True]
    assert "FILE" in command.inside("lint", code=2).stderr


def test_what_files_hold_stays_in_its_line(command, write):
    name = write("x\n::error::.yaml", "recipe: {}\n'bo\x85o\\n::error::x': 1\n".replace("\x85", "\\x1b"))
    shown = command.inside("lint", name, code=2).stdout
    assert "\x1b" not in shown and not [line for line in shown.splitlines() if line.startswith("::")]


def test_no_torch(command, write):
    write("target.py", "import torch\ndef load_data(): ...\ndef build_model(): ...\n")
    config = {**GOOD_CONFIG, "data": {"source": "target.py:load_data"}, "model": {"build": "target.py:build_model"}}
    write("audit.yaml", {**config, "attacks": ["loss", "lira", "quantile", "chameleon"], "primary": {"attack": "lira"}})
    write("policy.yaml", {"rules": [RULE]})
    write(
        "worlds.yaml",
        {
            **GOOD_CONFIG,
            "kind": "distribution",
            "distribution": {**WORLDS, "defense": {"name": "label_noise", "share": 0.1}},
        },
    )
    code = (
        "import sys; from privaudit.cli.main import exit_code\n"
        "code = exit_code(['lint', 'audit.yaml', 'policy.yaml', 'worlds.yaml'])\n"
        "assert not {'torch', 'opacus'} & sys.modules.keys()\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=command.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# The hooks


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_hook_has_what_pre_commit_asks_for(hook):
    assert hook.keys() >= {"id", "name", "entry", "language", "files"} and hook["language"] == "python"
    assert shlex.split(hook["entry"])[:2] == ["privaudit", "lint"]
    re.compile(hook["files"]), re.compile(hook.get("exclude", "^$"))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("audit.yaml", "privaudit-config"),
        ("ml/audit-adult.yml", "privaudit-config"),
        ("policy.yaml", None),
        ("privaudit_policy.yml", "privaudit-policy"),
        ("ci/privacy-policy.yaml", "privaudit-policy"),
        ("audit-policy.yaml", None),
        (".github/workflows/audit.yaml", None),
        ("deploy/network-policy.yaml", None),
        ("audit.py", None),
        ("unaudited.yaml", None),
    ],
)
def test_which_files_a_hook_is_for(name, wanted):
    taken = [
        key
        for key, hook in HOOKS.items()
        if re.search(hook["files"], name) and not re.search(hook.get("exclude", "^$"), name)
    ]
    assert taken == ([wanted] if wanted else [])


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("privaudit-config", GOOD_CONFIG, {**GOOD_CONFIG, "attacks": ["lria"]}),
        ("privaudit-policy", {"rules": [RULE]}, {"rules": [{**RULE, "max": 2}]}),
    ],
)
def test_a_hooks_entry_tells_good_from_bad(command, write, key, good, bad):
    entry = shlex.split(HOOKS[key]["entry"])[1:]
    command.inside(*entry, write("good.yaml", good))
    assert "bad.yaml: " in command.inside(*entry, write("good.yaml", good), write("bad.yaml", bad), code=2).stdout
