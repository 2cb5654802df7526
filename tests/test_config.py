import pytest
import yaml

from privaudit.config import (
    DEFAULT_AUDIT,
    AuditConfig,
    DpConfig,
    OptimizerConfig,
    ScheduleConfig,
    load_config,
    parse,
    read_yaml,
)
from privaudit.config.reading import problems_of
from privaudit.errors import ConfigError

RECIPE = {"steps": 100, "sample_rate": 0.1}
STEP = {"name": "step", "milestones": [0.5, 0.75], "gamma": 0.1}


def check(**keys):
    return parse(AuditConfig, {"recipe": RECIPE, **keys}, where="audit.yaml")


def refused(content):
    with pytest.raises(ConfigError) as caught:
        parse(AuditConfig, content, where="audit.yaml")
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("audit.yaml: ")
    return text.removeprefix("audit.yaml: "), caught.value.key


def test_every_default():
    assert check().model_dump(mode="json") == {
        "schema_version": 1,
        "kind": "membership",
        "seed": 0,
        "device": "auto",
        "out": "privaudit-out",
        "data": {"source": "adult", "n_records": None, "label": None, "id": None, "groups": [], "drop": []},
        "model": {
            "build": "mlp",
            "params": {},
            "train": None,
            "checkpoint": None,
            "members": None,
            "non_members": None,
        },
        "recipe": {
            "steps": 100,
            "sample_rate": 0.1,
            "epochs": None,
            "batch_size": None,
            "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0},
            "schedule": {"name": "constant", "warmup": 0.0, "milestones": [], "gamma": None},
            "label_smoothing": 0.0,
            "dp": None,
        },
        "design": {"kind": "paired", "n_models": 34, "targets": [0], "population": 0.2},
        "access": "score",
        "attacks": [{"name": name, "params": {}} for name in ("loss", "lira", "rmia")],
        "estimators": [{"name": "one_run", "params": {}}],
        "primary": {"attack": "auto", "estimator": "one_run"},
        "confidence": 0.95,
        "control": {"n_models": 8},
        "engine": {
            "kind": "process",
            "workers": "auto",
            "memory_gb": 2.0,
            "address": None,
            "gpus_per_worker": None,
            "trainer": "auto",
            "precision": "float32",
            "compile": False,
        },
        "report": {"formats": ["html", "json", "md"], "audience": "internal"},
        "canaries": None,
        "distribution": None,
        "output": None,
        "defenses": [],
    }
    dp = DpConfig(noise_multiplier=1.0)
    assert (dp.epsilon, dp.max_grad_norm, dp.delta) == (None, 1.0, 1e-5)


def test_the_built_in_audit_is_the_documented_one():
    documented = yaml.safe_load("""
    schema_version: 1
    kind: membership
    seed: 0
    device: auto
    out: privaudit-out
    data:   {source: adult, n_records: 12000, label: income, id: null, groups: [sex, race], drop: []}
    model:  {build: mlp, params: {hidden: [128]}, train: null, checkpoint: null}
    recipe: {epochs: 40, batch_size: 64, optimizer: {name: adam, lr: 0.002}}
    defenses:
      - name: dp_sgd
        title: DP-SGD
        noise_multiplier: 1.2
        max_grad_norm: 1.0
        delta: 1.0e-5
        recipe: &private {steps: 100, sample_rate: 0.1, optimizer: {name: sgd, lr: 0.25, momentum: 0.9}}
      - name: dp_sgd
        id: without_noise
        title: DP-SGD without its noise
        noise_multiplier: 0.0
        max_grad_norm: 1.0
        delta: 1.0e-5
        recipe: *private
    design: {kind: paired, n_models: 32, targets: [0], population: 0.2}
    access: score
    attacks: [{name: loss}, {name: lira}, {name: rmia}]
    estimators: [{name: one_run}]
    primary: {attack: auto, estimator: one_run}
    confidence: 0.95
    control: {n_models: 8}
    engine: {kind: process, workers: auto, memory_gb: 2}
    report: {formats: [html, json, md], audience: internal}
    """)
    assert load_config() == parse(AuditConfig, documented, where="the page") == AuditConfig(**DEFAULT_AUDIT)


@pytest.mark.parametrize(
    ("content", "key", "hint"),
    [
        ({"recpie": RECIPE, "recipe": RECIPE}, "recpie", "recipe"),
        ({"recpie": RECIPE}, "recpie", "recipe"),
        ({"recipe": {**RECIPE, "optimiser": {}}}, "recipe.optimiser", "optimizer"),
        (
            {"recipe": {**RECIPE, "dp": {"noise_multiplier": 1, "max_gradnorm": 1}}},
            "recipe.dp.max_gradnorm",
            "max_grad_norm",
        ),
        ({"recipe": {**RECIPE, "optimizer": {"momentun": 1}}}, "recipe.optimizer.momentun", "momentum"),
        ({"recipe": RECIPE, "data": {"grups": []}}, "data.grups", "groups"),
        ({"recipe": RECIPE, "model": {"parms": {}}}, "model.parms", "params"),
        ({"recipe": RECIPE, "design": {"n_model": 4}}, "design.n_model", "n_models"),
        ({"recipe": RECIPE, "primary": {"atack": "loss"}}, "primary.atack", "attack"),
        ({"recipe": RECIPE, "control": {"n_model": 4}}, "control.n_model", "n_models"),
        ({"recipe": RECIPE, "engine": {"worker": 4}}, "engine.worker", "workers"),
        ({"recipe": RECIPE, "report": {"format": []}}, "report.format", "formats"),
        ({"recipe": RECIPE, "attacks": [{"name": "lira", "params": {}, "parms": 3}]}, "attacks.0.parms", "params"),
    ],
)
def test_typos_name_the_path_and_the_nearest_key(content, key, hint):
    text, found = refused(content)
    assert text.startswith(f"{key}: unknown key. Did you mean {hint}?")
    assert found == key


@pytest.mark.parametrize("key", ["str", "int", "tuple", "a(b)"])
def test_unknown_keys_that_look_like_types_are_named(key):
    assert refused({"recipe": RECIPE, "data": {key: 3}})[1] == f"data.{key}"


@pytest.mark.parametrize(
    ("content", "key", "words"),
    [
        ({}, "recipe", "missing"),
        ({"seed": -1}, "seed", "got -1"),
        ({"seed": 2**63}, "seed", "got 9223372036854775808"),
        ({"seed": 1.5}, "seed", "got 1.5"),
        ({"seed": True}, "seed", "true and false"),
        ({"device": "gpu"}, "device", "got 'gpu'"),
        ({"device": "cuda:"}, "device", "got 'cuda:'"),
        ({"out": ""}, "out", "at least 1"),
        ({"schema_version": 2}, "schema_version", "got 2"),
        ({"kind": "membrship"}, "kind", "'membership'"),
        ({"access": "weights"}, "access", "'score', 'label' or 'white_box'"),
        ({"access": "white_box"}, None, "white_box is for kind: distribution"),
        ({"confidence": 95}, "confidence", "less than 1; got 95"),
        ({"confidence": 1.0}, "confidence", "less than 1"),
        ({"confidence": float("nan")}, "confidence", "nan"),
        ({"data": 3}, "data", "dictionary"),
        ({"data": {"n_records": 1}}, "data.n_records", "got 1"),
        ({"data": {"groups": "sex"}}, "data.groups", "list"),
        ({"data": {"label": True}}, "data.label", "true and false are no values of it (quote a text); got true"),
        ({"design": {"n_models": 2}}, "design.n_models", "got 2"),
        ({"design": {"n_models": "many"}}, "design.n_models", "got 'many'"),
        ({"design": {"population": 1.0}}, "design.population", "less than 1"),
        ({"design": {"targets": []}}, "design.targets", "at least 1"),
        ({"design": {"targets": "non"}}, "design.targets", "."),
        ({"design": {"kind": "pairs"}}, "design.kind", "'paired' or 'balanced'"),
        ({"attacks": []}, "attacks", "at least 1"),
        ({"attacks": "lira"}, "attacks", "list"),
        ({"attacks": [3]}, "attacks.0", "."),
        ({"attacks": [{"params": {}}]}, "attacks.0.name", "missing"),
        ({"attacks": [{"variance": "pooled"}]}, "attacks.0.name", "missing"),
        ({"attacks": ["lira", "lira"]}, None, "attacks must be named once each"),
        (
            {"attacks": ["lira"], "primary": {"attack": "rmia"}},
            None,
            "primary.attack must be auto or one of lira; got rmia",
        ),
        ({"primary": {"estimator": "x"}}, None, "primary.estimator is x, which is not among the estimators (one_run)"),
        ({"control": {"n_models": -2}}, "control.n_models", "got -2"),
        ({"engine": {"kind": "thread"}}, "engine.kind", "'inline', 'process' or 'ray'"),
        ({"engine": {"address": "auto"}}, "engine", "address is for kind: ray; this engine is process"),
        ({"engine": {"kind": "inline", "gpus_per_worker": 1}}, "engine", "gpus_per_worker is for kind: ray"),
        ({"engine": {"kind": "ray", "gpus_per_worker": 0}}, "engine.gpus_per_worker", "got 0"),
        ({"engine": {"kind": "ray", "gpus_per_worker": 2}}, "engine.gpus_per_worker", "got 2"),
        ({"engine": {"kind": "ray", "gpus_per_worker": 0.5}, "device": "cpu"}, None, "is for device cuda"),
        ({"engine": {"kind": "ray"}, "device": "cuda:1"}, None, "write device: cuda, not cuda:1"),
        ({"engine": {"trainer": "fast"}}, "engine.trainer", "'auto', 'ensemble' or 'loop'"),
        ({"engine": {"precision": "float16"}}, "engine.precision", "'float32' or 'bfloat16'"),
        ({"engine": {"compile": "perhaps"}}, "engine.compile", "boolean"),
        ({"engine": {"workers": 0}}, "engine.workers", "got 0"),
        ({"engine": {"workers": True}}, "engine.workers", "true and false"),
        ({"engine": {"memory_gb": float("inf")}}, "engine.memory_gb", "finite"),
        ({"engine": {"kind": "ray", "address": "10.0.0.1"}}, "engine.address", "host:port"),
        ({"report": {"formats": ["pdf"]}}, "report.formats.0", "'html', 'json', 'md', 'junit', 'sarif' or 'card'"),
        ({"report": {"formats": []}}, "report.formats", "at least 1"),
        ({"report": {"audience": "all"}}, "report.audience", "'internal' or 'public'"),
        ({"model": {"params": {"x": float("nan")}}}, "model.params", "finite numbers"),
        ({"model": {"params": {"x": yaml.safe_load("2020-01-01")}}}, "model.params", "date"),
        ({"model": {"params": {"x": {1: 2}}}}, "model.params", "key 1 is no text"),
        ({"model": {"params": {1: 2}}}, "model.params.1", "string"),
        ({"recipe": {"steps": 0, "sample_rate": 0.1}}, "recipe.steps", "got 0"),
        ({"recipe": {"steps": True, "sample_rate": 0.1}}, "recipe.steps", "true and false"),
        ({"recipe": {"steps": 1, "sample_rate": 1.1}}, "recipe.sample_rate", "got 1.1"),
        ({"recipe": {"steps": 1, "sample_rate": 0}}, "recipe.sample_rate", "got 0"),
        ({"recipe": {"epochs": 1, "batch_size": 0}}, "recipe.batch_size", "got 0"),
        ({"recipe": {"steps": 3, "batch_size": 8}}, "recipe", "give either steps and sample_rate, or epochs and batch"),
        ({"recipe": {"steps": 3}}, "recipe", "give either steps"),
        ({"recipe": {**RECIPE, "epochs": 3}}, "recipe", "give either steps"),
        ({"recipe": {**RECIPE, "epochs": 3, "batch_size": 3}}, "recipe", "give either steps"),
        ({"recipe": {}}, "recipe", "give either steps"),
        ({"recipe": {**RECIPE, "optimizer": {"lr": 0}}}, "recipe.optimizer.lr", "got 0"),
        ({"recipe": {**RECIPE, "optimizer": {"lr": float("inf")}}}, "recipe.optimizer.lr", "finite"),
        ({"recipe": {**RECIPE, "optimizer": {"momentum": 1.0}}}, "recipe.optimizer.momentum", "less than 1"),
        ({"recipe": {**RECIPE, "optimizer": {"name": "adam", "momentum": 0.9}}}, "recipe.optimizer", "setting of sgd"),
        ({"recipe": {**RECIPE, "optimizer": {"name": "sdg"}}}, "recipe.optimizer.name", "got 'sdg'"),
        ({"recipe": {**RECIPE, "label_smoothing": 1.0}}, "recipe.label_smoothing", "less than 1; got 1.0"),
        ({"recipe": {**RECIPE, "label_smoothing": -0.1}}, "recipe.label_smoothing", "got -0.1"),
        ({"recipe": {**RECIPE, "schedule": "cosin"}}, "recipe.schedule.name", "got 'cosin'"),
        ({"recipe": {**RECIPE, "schedule": 3}}, "recipe.schedule", "dictionary"),
        ({"recipe": {**RECIPE, "schedule": {"warmup": 1.0}}}, "recipe.schedule.warmup", "less than 1; got 1.0"),
        ({"recipe": {**RECIPE, "schedule": {"warm_up": 0.1}}}, "recipe.schedule.warm_up", "warmup"),
        (
            {"recipe": {**RECIPE, "schedule": "step"}},
            "recipe.schedule",
            "takes milestones (e.g. [0.5, 0.75]) and gamma",
        ),
        (
            {"recipe": {**RECIPE, "schedule": {"name": "step", "milestones": [0.5]}}},
            "recipe.schedule",
            "takes milestones",
        ),
        ({"recipe": {**RECIPE, "schedule": {"name": "step", "gamma": 0.1}}}, "recipe.schedule", "takes milestones"),
        ({"recipe": {**RECIPE, "schedule": {**STEP, "gamma": 0}}}, "recipe.schedule.gamma", "got 0"),
        ({"recipe": {**RECIPE, "schedule": {**STEP, "gamma": 1.1}}}, "recipe.schedule.gamma", "got 1.1"),
        (
            {"recipe": {**RECIPE, "schedule": {**STEP, "milestones": [0.5, 1.0]}}},
            "recipe.schedule.milestones.1",
            "less than 1; got 1.0",
        ),
        (
            {"recipe": {**RECIPE, "schedule": {**STEP, "milestones": [0.5, 0.5]}}},
            "recipe.schedule",
            "milestones must increase and come after warmup 0; got 0.5, 0.5",
        ),
        (
            {"recipe": {**RECIPE, "schedule": {**STEP, "warmup": 0.6}}},
            "recipe.schedule",
            "come after warmup 0.6; got 0.5",
        ),
        (
            {"recipe": {**RECIPE, "schedule": {**STEP, "name": "cosine"}}},
            "recipe.schedule",
            "milestones and gamma: of the schedule step, not of cosine",
        ),
        ({"recipe": {**RECIPE, "schedule": {"gamma": 0.5}}}, "recipe.schedule", "gamma: of the schedule step"),
        ({"recipe": {**RECIPE, "dp": {}}}, "recipe.dp", "give either noise_multiplier, or one of epsilon"),
        (
            {"recipe": {**RECIPE, "dp": {"noise_multiplier": 1, "epsilon": 1}}},
            "recipe.dp",
            "give either noise_multiplier, or one of epsilon",
        ),
        ({"recipe": {**RECIPE, "dp": {"noise_multiplier": -1}}}, "recipe.dp.noise_multiplier", "got -1"),
        ({"recipe": {**RECIPE, "dp": {"epsilon": 0}}}, "recipe.dp.epsilon", "got 0"),
        ({"recipe": {**RECIPE, "dp": {"epsilon": 1, "delta": 0}}}, "recipe.dp.delta", "got 0"),
        ({"recipe": {**RECIPE, "dp": {"epsilon": 1, "max_grad_norm": 0}}}, "recipe.dp.max_grad_norm", "got 0"),
    ],
)
def test_bad_values_are_one_line_that_names_the_key(content, key, words):
    text, found = refused(content if content == {} else {"recipe": RECIPE, **content})
    assert found == key
    assert words in text


def test_several_mistakes_are_counted():
    assert "(1 more after this one)" in refused({"recipe": RECIPE, "seed": -1, "confidence": 2})[0]


def test_numbers_as_text():
    """YAML 1.1 reads 1e-5 as a text."""
    content = yaml.safe_load("recipe: {steps: 10, sample_rate: 1e-1, dp: {noise_multiplier: 1, delta: 1e-5}}")
    assert content["recipe"]["dp"]["delta"] == "1e-5"
    config = parse(AuditConfig, content, where="x")
    assert config.recipe.dp.delta == 1e-5
    assert config.recipe.sample_rate == 0.1


def test_three_ways_to_name_a_method():
    config = check(
        attacks=["loss", {"name": "lira", "variance": "pooled"}, {"name": "rmia", "params": {"gamma": 2.0}}],
        design={"targets": "all"},
        engine={"workers": 2},
    )
    assert [(method.name, method.params) for method in config.attacks] == [
        ("loss", {}),
        ("lira", {"variance": "pooled"}),
        ("rmia", {"gamma": 2.0}),
    ]
    assert config.design.targets == "all"
    assert config.engine.workers == 2


def test_a_schedule_by_name_or_with_settings_survives_being_stored():
    assert check(recipe={**RECIPE, "schedule": "cosine"}).recipe.schedule == ScheduleConfig(name="cosine")
    config = check(recipe={**RECIPE, "schedule": {**STEP, "warmup": 0.1}, "label_smoothing": 0.2})
    assert config.recipe.schedule.milestones == (0.5, 0.75)
    assert AuditConfig.model_validate(config.model_dump(mode="json")) == config


def test_values_never_change():
    with pytest.raises(ValueError, match="frozen"):
        check().seed = 3
    assert OptimizerConfig().lr == 0.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "not valid YAML at line"),
        ("a: 1\n b: 2", "not valid YAML at line 2, column"),
        ("a: \x00", "not valid YAML"),
        ("a: !!python/object:os.system {}", "not valid YAML"),
        ("a: 2020-13-45", "not valid YAML"),
        ("seed: 1\nrecipe: {steps: 1}\nseed: 2", "line 3, column 1: key 'seed' comes twice"),
        ("recipe: {steps: 1, steps: 2}", "key 'steps' comes twice"),
        ("", "expected keys with values; got NoneType"),
        ("- 1", "expected keys with values; got list"),
        ("text", "expected keys with values; got str"),
    ],
)
def test_files_that_are_no_config(tmp_path, text, words):
    path = tmp_path / "audit.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"audit\.yaml: ") as caught:
        read_yaml(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"no such file; docs/gate.md shows a policy, `privaudit init`"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "latin").write_bytes(b"a: \xe9")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "latin")


def test_a_file_is_read_with_anchors(tmp_path):
    path = tmp_path / "audit.yaml"
    path.write_text("recipe: {steps: 5, sample_rate: 0.5, optimizer: &o {lr: 0.3}}\nseed: 7\n")
    config = load_config(path)
    assert (config.seed, config.recipe.optimizer.lr) == (7, 0.3)
    path.write_text("base: &b {a: 1}\nother: {<<: *b, c: 2}\n")
    assert read_yaml(path)["other"] == {"a": 1, "c": 2}


@pytest.mark.parametrize("formats", [["junitt"], ["junitt", "pdf"]])
def test_a_wrong_item_is_not_told_as_an_empty_list_too(formats):
    """Pydantic drops items that are wrong, and then calls the list too short."""
    told = problems_of(AuditConfig, {"recipe": {"epochs": 1, "batch_size": 8}, "report": {"formats": formats}})
    assert [line.partition(":")[0] for line in told] == [f"report.formats.{place}" for place in range(len(formats))]


def test_an_empty_list_is_still_too_short():
    (told,) = problems_of(AuditConfig, {"recipe": {"epochs": 1, "batch_size": 8}, "report": {"formats": []}})
    assert told.startswith("report.formats:")
