"""What an audit config may say about models on graphs: two networks, trained on all their training nodes at every step."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privaudit.config.audit import AuditConfig

NETWORKS = {"gcn": "hidden", "sgc": "n_hops"}  # each with its one parameter
OPTIMIZERS = ("adam", "sgd")
IN_NO_RECIPE = ("schedule", "label_smoothing", "dp", "epochs", "batch_size")
IN_NO_MODEL = ("train", "checkpoint", "members", "non_members")
IN_NO_ENGINE = ("trainer", "precision", "compile")


def with_whole_batches(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a config file holds with ``recipe.sample_rate: 1.0`` where its models train on graphs.

    Args:
        content: the whole file.

    >>> config = {"distribution": {"graphs": {"property": "degree"}}, "recipe": {"steps": 5}}
    >>> with_whole_batches(config)["recipe"]
    {'sample_rate': 1.0, 'steps': 5}
    """
    distribution, recipe = content.get("distribution"), content.get("recipe")
    if not isinstance(distribution, dict) or distribution.get("graphs") is None or not isinstance(recipe, dict):
        return content
    if recipe.get("steps") is None:
        return content
    given = {name: value for name, value in recipe.items() if value is not None or name != "sample_rate"}
    return {**content, "recipe": {"sample_rate": 1.0, **given}}


def check_graph_training(config: "AuditConfig") -> None:
    """Refuse what models on graphs have no use for; nothing that is written is passed over in silence.

    Args:
        config: an audit whose worlds are graphs.

    Raises:
        ValueError: names the key.
    """
    if config.kind != "distribution":
        raise ValueError(f"distribution.graphs is for kind: distribution; this one is of kind: {config.kind}")
    if "data" in config.model_fields_set:
        raise ValueError("data is about records, and distribution.graphs has its own file or generator; remove data")
    if config.defenses:
        raise ValueError("defenses are for models of records, and these are models of graphs; remove the block")
    _check_network(config)
    _check_recipe(config)


def _check_network(config: "AuditConfig") -> None:
    build, params = config.model.build, config.model.params
    if build not in NETWORKS:
        raise ValueError(f"model.build must be {' or '.join(NETWORKS)} for graphs; got {build!r}")
    unknown = sorted(set(params) - {NETWORKS[build]})
    if unknown:
        raise ValueError(f"model.params of {build} takes {NETWORKS[build]}; got {unknown[0]!r}")
    for name, value in params.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"model.params.{name} must be a whole number of at least 1; got {value!r}")
    _only_defaults(config.model, "model", IN_NO_MODEL)
    _only_defaults(config.engine, "engine", IN_NO_ENGINE)


def _check_recipe(config: "AuditConfig") -> None:
    _only_defaults(config.recipe, "recipe", IN_NO_RECIPE)
    if config.recipe.sample_rate != 1.0:
        raise ValueError("recipe.sample_rate: every step on a graph takes all its training nodes; remove sample_rate")
    if config.recipe.optimizer.name not in OPTIMIZERS:
        raise ValueError(
            f"recipe.optimizer.name must be {' or '.join(OPTIMIZERS)} for graphs; got {config.recipe.optimizer.name}"
        )
    if config.recipe.optimizer.momentum:
        raise ValueError("recipe.optimizer.momentum is no setting of models on graphs; remove it")


def _only_defaults(part: Any, name: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if getattr(part, key) != type(part).model_fields[key].default:
            raise ValueError(f"{name}.{key} is for models of records, and these are models of graphs; remove it")
