import subprocess
import sys

import numpy as np
import pytest

from privaudit.data.bundled import BUNDLED
from privaudit.data.sources import load_dataset
from privaudit.errors import ConfigError, DataError, UnsupportedError


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_table_of_bundled_data_is_true(name):
    entry = BUNDLED[name]
    data = load_dataset(name, label=entry.label, groups=entry.groups)
    assert (data.n_records, data.record_shape, data.n_classes) == (
        entry.n_records,
        (entry.n_features,),
        entry.n_classes,
    )
    assert tuple(data.groups) == entry.groups
    assert data.name == name


def test_bundled_scales():
    assert load_dataset("digits").features.max() == 1.0
    cancer = load_dataset("breast_cancer")
    assert cancer.features.std(axis=0) == pytest.approx(1.0, abs=1e-4)
    assert cancer.class_names == ("benign", "malignant")


def test_listing_imports_nothing_heavy():
    heavy = "{'torch', 'sklearn', 'pandas', 'click', 'opacus'}"
    code = f"import sys, privaudit.data; from privaudit.data.bundled import BUNDLED; print({heavy} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_only_groups_asked_for_are_kept():
    assert dict(load_dataset("adult").groups) == {}
    assert list(load_dataset("adult", groups=["sex"]).groups) == ["sex"]


def test_adult_drops_raw_columns():
    assert load_dataset("adult", drop=["sex"], groups=["sex"]).record_shape == (105,)


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        ("adult", {"label": "salary"}, DataError, "'income'"),
        ("adult", {"groups": ["sx"]}, DataError, "Did you mean sex"),
        ("digits", {"groups": ["sex"]}, DataError, "its groups: none"),
        ("adult", {"drop": ["sx"]}, DataError, "Did you mean sex"),
        ("digits", {"drop": ["pixel"]}, UnsupportedError, r"data\.drop"),
        ("adult", {"record_id": "id"}, UnsupportedError, r"data\.id"),
        ("adlut", {}, ConfigError, "Did you mean adult"),
        ("", {}, ConfigError, "must be one of"),
        ("table.csv", {"label": "y"}, ConfigError, "no such file"),
        ("table.csv", {}, ConfigError, r"needs data\.label"),
        ("table.npz", {}, ConfigError, "no such file"),
        ("mine.py:", {}, ConfigError, r"file\.py:function"),
    ],
)
def test_what_does_not_exist_is_refused(source, options, error, words, tmp_path):
    with pytest.raises(error, match=words):
        load_dataset(source, base=tmp_path, **options)


def test_relative_files_start_at_the_base(tmp_path):
    np.savez(tmp_path / "mine.npz", X=np.arange(4.0)[:, None], y=[0, 1, 0, 1])
    (tmp_path / "mine.csv").write_text("a,y\n1,p\n2,q\n3,p\n")
    assert load_dataset("mine.npz", base=tmp_path).n_records == 4
    assert load_dataset("mine.csv", label="y", base=tmp_path).n_records == 3
    assert load_dataset(str(tmp_path / "mine.npz"), base=tmp_path / "elsewhere").n_records == 4


def test_user_functions(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from privaudit.data import dataset_from_arrays\n"
        "def pair():\n    return np.arange(4.0)[:, None], ['a', 'b', 'a', 'b']\n"
        "def whole():\n"
        "    return dataset_from_arrays([[1.0], [2.0]], [0, 1], name='whole', groups={'g': ['x', 'y']})\n"
        "def other():\n    return [1, 2, 3]\n"
        "def faulty():\n    raise OSError('no such\\nfile')\n"
        "def regression():\n    return [[1.0], [2.0]], [0.5, 1.5]\n"
    )
    assert load_dataset("mine.py:pair", base=tmp_path).class_names == ("a", "b")
    assert load_dataset("mine.py:whole", base=tmp_path, groups=["g"]).groups["g"].tolist() == ["x", "y"]
    with pytest.raises(ConfigError, match=r"must return a privaudit Dataset or \(features, labels\); got list"):
        load_dataset("mine.py:other", base=tmp_path)
    with pytest.raises(ConfigError, match=r"line 10: OSError: no such file"):
        load_dataset("mine.py:faulty", base=tmp_path)
    with pytest.raises(UnsupportedError, match="classifiers"):
        load_dataset("mine.py:regression", base=tmp_path)
    with pytest.raises(UnsupportedError, match=r"data\.label"):
        load_dataset("mine.py:pair", label="y", base=tmp_path)
