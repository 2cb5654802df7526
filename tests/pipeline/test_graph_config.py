"""What the config of an audit of graphs may say, and what is refused by its name."""

import pytest

from privaudit.config import AuditConfig, parse
from privaudit.errors import ConfigError
from privaudit.pipeline.lint_config import config_problems

DEGREES = {"property": "degree", "values": [6, 3]}


def content(graphs=None, distribution=None, **changes):
    return {
        "kind": "distribution",
        "distribution": {"graphs": {**DEGREES, **(graphs or {})}, **(distribution or {})},
        "model": {"build": "gcn"},
        "recipe": {"steps": 5},
        **changes,
    }


def parsed(*args, **changes):
    return parse(AuditConfig, content(*args, **changes), where="audit.yaml")


def test_what_nobody_wrote_is_filled_in():
    config = parsed()
    graphs = config.distribution.graphs
    assert (graphs.generator, graphs.n_nodes, graphs.protocol) == ("stochastic_block", 300, "fresh")
    assert config.recipe.sample_rate == 1.0
    clustering = parsed({"property": "clustering", "values": [0.0, 0.9]}).distribution.graphs
    assert clustering.generator == "power_law_cluster"
    own = parsed({"file": "mine.npz", "protocol": "shared"}).distribution.graphs
    assert own.generator is None and own.n_nodes is None


@pytest.mark.parametrize("more", [{}, {"n_queries": 20}, {"attacks": ["kl"]}])
def test_a_config_comes_back_from_what_was_written_down(more):
    config = parsed({}, more)
    written = config.model_dump(mode="json")
    assert "data" not in written and "ratios" not in written["distribution"]
    again = parse(AuditConfig, written, where="manifest.json")
    assert again.model_dump(mode="json") == written
    assert ("n_queries" in again.distribution.model_fields_set) == ("n_queries" in more)


def test_configs_of_records_say_nothing_of_graphs():
    records = {
        "kind": "distribution",
        "recipe": {"epochs": 1, "batch_size": 8},
        "distribution": {"property": {"group": "sex", "value": "Female"}, "ratios": [0.5, 0.2]},
    }
    written = parse(AuditConfig, records, where="audit.yaml").model_dump(mode="json")
    assert "graphs" not in written["distribution"] and written["data"]["source"] == "adult"


def test_the_surrogate_is_chosen_after_the_training():
    plain, with_zipf = parsed().distribution, parsed({"zipf": True}).distribution
    assert plain.design() == with_zipf.design()
    assert plain.analysed_as(with_zipf).graphs.zipf and not with_zipf.analysed_as(plain).graphs.zipf


REFUSED = [
    (({"values": [6]},), {}, "distribution.graphs: values must name the base"),
    (({"values": [6, 6]},), {}, "values must differ"),
    (({"values": [6, 0]},), {}, "values of degree must be above 0"),
    (({"property": "clustering", "values": [0.0, 1.5]},), {}, r"chances in \[0, 1\]; got 1.5"),
    (({"values": [6, float("nan")]},), {}, "distribution.graphs.values"),
    (({"protocol": "same"},), {}, "distribution.graphs.protocol"),
    (({"protocl": "fresh"},), {}, "Did you mean protocol"),
    (({"file": "mine.npz"},), {}, "protocol fresh draws a graph for every model"),
    (({"n_nodes": 10, "values": [10, 4]},), {}, "10 has 9 neighbours at most, and values has 10; raise n_nodes"),
    (({"n_nodes": 10_001},), {}, "less than or equal to 10000"),
    (({"file": "mine.npz", "protocol": "shared", "n_nodes": 50},), {}, "n_nodes is for graphs that are drawn"),
    (({"file": "mine.npz", "protocol": "shared", "generator": "stochastic_block"},), {}, "generator is for graphs"),
    (({"property": "clustering", "values": [0.0, 0.9], "protocol": "shared"},), {}, "set protocol: fresh"),
    (
        ({"property": "clustering", "values": [0, 1], "generator": "stochastic_block"},),
        {},
        "cannot vary the clustering",
    ),
    (({"property": "clustering", "values": [0.0, 0.9], "zipf": True},), {}, "zipf is a law of degrees"),
    (({}, {"n_records": 1000}), {}, "distribution: n_records is about records"),
    (({}, {"ratios": [0.5, 0.2]}), {}, "ratios is about records"),
    (({}, {"adversary": {"drop": ["age"]}}), {}, "adversary is about records"),
    (({}, {"defense": "label_noise"}), {}, "defense is about records"),
    (({}, {"class_balance": "fixed"}), {}, "class_balance is about records"),
    (({}, {"poison": {"share": 0.02}}), {}, "poison is about records"),
    ((), {"data": {"source": "adult"}}, "remove data"),
    ((), {"model": {}}, "model.build must be gcn or sgc for graphs; got 'mlp'"),
    ((), {"model": {"build": "gcn", "params": {"n_hops": 2}}}, "model.params of gcn takes hidden; got 'n_hops'"),
    ((), {"model": {"build": "sgc", "params": {"n_hops": 0.5}}}, "model.params.n_hops must be a whole number"),
    ((), {"model": {"build": "gcn", "train": "mine.py:train"}}, "model.train is for models of records"),
    ((), {"recipe": {"epochs": 3, "batch_size": 8}}, "recipe.epochs is for models of records"),
    ((), {"recipe": {"steps": 3, "sample_rate": 0.5}}, "remove sample_rate"),
    ((), {"recipe": {"steps": 3, "dp": {"noise_multiplier": 1.0}}}, "recipe.dp is for models of records"),
    ((), {"recipe": {"steps": 3, "label_smoothing": 0.1}}, "recipe.label_smoothing"),
    ((), {"recipe": {"steps": 3, "optimizer": {"name": "adamw"}}}, "recipe.optimizer.name must be adam or sgd"),
    ((), {"recipe": {"steps": 3, "optimizer": {"momentum": 0.9}}}, "recipe.optimizer.momentum"),
    ((), {"recipe": {}}, "recipe: give either"),
    ((), {"engine": {"precision": "bfloat16"}}, "engine.precision"),
    ((), {"kind": "membership"}, "distribution.graphs is for kind: distribution"),
    ((), {"defenses": ["dp_sgd"]}, "remove the block"),
]


@pytest.mark.parametrize(("blocks", "changes", "line"), REFUSED)
def test_what_says_nothing_about_graphs_is_refused_in_one_line(blocks, changes, line):
    with pytest.raises(ConfigError, match=line) as raised:
        parsed(*blocks, **changes)
    assert "\n" not in str(raised.value)


def test_a_config_is_checked_without_its_graph(tmp_path):
    assert config_problems(content({"file": "mine.npz", "protocol": "shared"}), tmp_path) == ()
    problems = config_problems(content({}, {"attacks": ["kl_regression"]}), tmp_path)
    assert problems == (
        "attack kl_regression estimates the ratio of a property, and distribution.graphs differ in no ratio. Leave it out.",
    )
    assert config_problems(content({}, {"attacks": ["nothing"]}), tmp_path)
