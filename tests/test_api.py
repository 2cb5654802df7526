"""Public names: there, documented, and never hidden by a module of the same name."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import privaudit

FROM_INTERFACES = {
    *("run_audit", "load_config", "load_report", "judge", "train_shadows", "list_methods"),
    *("CanaryAudit", "write_reports"),
}
PACKAGES = [
    "privaudit",
    "privaudit.attacks",
    "privaudit.estimators",
    "privaudit.data",
    "privaudit.report",
    "privaudit.gate",
]


def all_modules():
    found = pkgutil.walk_packages(privaudit.__path__, "privaudit.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def test_the_promised_names_are_public():
    assert set(privaudit.__all__) >= FROM_INTERFACES


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_sorted_documented_and_not_modules(package):
    module = importlib.import_module(package)
    names = [name for name in module.__all__ if not name.startswith("__")]
    assert names == sorted(names, key=lambda name: (name.lower(), name)) or names == sorted(names)
    submodules = {name.rpartition(".")[2] for name in all_modules() if name.rpartition(".")[0] == package}
    for name in names:
        value = getattr(module, name)
        assert not isinstance(value, type(sys)), name
        assert name not in submodules, f"{package}.{name} is hidden by a module"
        if callable(value):
            assert value.__doc__, name


# What users call: positional names, and the keywords that must be there.
ESTIMATORS = {
    "account": (("params", "delta", "neighbouring"), ()),
    "attribute_bayes_security": (("distances",), ("params", "neighbouring")),
    "audit_scores": (
        ("scores_in", "scores_out"),
        ("method", "threshold", "delta", "confidence", "neighbouring"),
    ),
    "bayes_security": (("params",), ("neighbouring", "method")),
    "BettingSequence": ((), ("delta", "confidence", "neighbouring")),
    "clopper_pearson": (("counts",), ("delta", "confidence", "interval", "neighbouring")),
    "ConfusionCounts": (("tp", "fn", "fp", "tn"), ()),
    "EpsilonPosterior": (("counts",), ("delta", "neighbouring")),
    "fdp_one_run": (("n_canaries", "n_guesses", "n_correct"), ("delta", "confidence", "neighbouring")),
    "gaussian_dp": (("counts",), ("delta", "confidence", "neighbouring")),
    "jeffreys": (("counts",), ("delta", "confidence", "interval", "neighbouring")),
    "katz_log": (("counts",), ("delta", "confidence", "interval", "neighbouring")),
    "noise_for_epsilon": (("epsilon",), ("delta", "neighbouring")),
    "one_run": (("n_canaries", "n_guesses", "n_correct"), ("delta", "confidence", "neighbouring")),
    "subsampled_gaussian_step": (("counts",), ("delta", "confidence", "neighbouring")),
    "tradeoff_bound": (("fpr",), ("neighbouring",)),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_take_what_they_promise(name):
    """A relation that is not stated is ``None`` everywhere, and options are keywords."""
    from privaudit import estimators

    positional, keywords = ESTIMATORS[name]
    parameters = inspect.signature(getattr(estimators, name)).parameters
    assert tuple(list(parameters)[: len(positional)]) == positional
    for keyword in keywords:
        assert parameters[keyword].kind is inspect.Parameter.KEYWORD_ONLY, keyword
    if "neighbouring" in (*positional, *keywords):
        assert parameters["neighbouring"].default is None


def test_every_public_name_in_a_fresh_process_and_after_every_module():
    script = f"""
import importlib, privaudit
before = {{name: getattr(privaudit, name) for name in privaudit.__all__}}
for module in {all_modules()!r}:
    importlib.import_module(module)
after = {{name: getattr(privaudit, name) for name in privaudit.__all__}}
assert all(before[name] is after[name] for name in before), [n for n in before if before[n] is not after[n]]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        privaudit.nothing  # noqa: B018


def test_torch_stays_out():
    """One process, from the lightest statement to the heaviest; the first that loads torch is named."""
    statements = [
        "import privaudit",
        "import privaudit.cli.main",
        "from privaudit import list_methods; list_methods()",
        "import privaudit.attacks, privaudit.estimators, privaudit.store.folder, privaudit.gate, privaudit.report",
        "from privaudit.pipeline.analyse import analyse",
        "from privaudit import write_reports",
    ]
    look = "assert not {{'torch', 'opacus'}} & set(sys.modules), {!r}"
    script = "\n".join(["import sys", *(f"{one}\n{look.format(one)}" for one in statements)])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
