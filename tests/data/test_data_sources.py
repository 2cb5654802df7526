import subprocess
import sys

import numpy as np
import pytest

from privaudit.data.bundled import BUNDLED
from privaudit.data.sources import load_dataset
from privaudit.data.user_code import load_function, user_code_digest
from privaudit.errors import ConfigError, DataError, UnsupportedError

USER = """
import numpy as np
from privaudit.data import dataset_from_arrays

X, Y = np.arange(8.0).reshape(4, 2), ["a", "b", "a", "b"]

def pair(): return X, Y
def data(): return dataset_from_arrays(X, Y, name="mine", groups={"g": ["u", "v", "u", "v"]})
def other(): return {"X": X}
def broken():
    return 1 / 0
constant = 3
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(USER)
    return tmp_path


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_bundled_sets_are_what_the_table_says(name):
    row = BUNDLED[name]
    data = load_dataset(name, label=row.label, groups=row.groups)
    assert (data.n_records, data.features.shape[1:], data.n_classes) == (
        row.n_records,
        (row.n_features,),
        row.n_classes,
    )
    assert tuple(data.groups) == row.groups
    assert data.name == name


def test_digits_and_breast_cancer_are_scaled():
    assert load_dataset("digits").features.max() == 1.0
    np.testing.assert_allclose(load_dataset("breast_cancer").features.std(axis=0), 1.0, atol=1e-5)
    assert load_dataset("breast_cancer").class_names == ("benign", "malignant")


def test_bundled_options_are_checked():
    with pytest.raises(DataError, match="label 'income'; got 'incom'"):
        load_dataset("adult", label="incom")
    with pytest.raises(DataError, match="Did you mean sex"):
        load_dataset("adult", groups=["sexs"])
    with pytest.raises(DataError, match="no group 'sex'"):
        load_dataset("digits", groups=["sex"])
    with pytest.raises(UnsupportedError, match=r"data\.drop"):
        load_dataset("digits", drop=["pixel"])
    with pytest.raises(UnsupportedError, match=r"data\.id"):
        load_dataset("adult", record_id="id")
    assert load_dataset("adult", drop=["sex"]).features.shape == (42_468, 105)


def test_unknown_source_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean adult") as caught:
        load_dataset("adlut")
    assert caught.value.key == "data.source"


def test_files_are_found_from_the_base(tmp_path):
    (tmp_path / "t.csv").write_text("a,g,y\n1,u,0\n2,v,1\n3,u,1\n")
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=[0, 1], groups_g=["u", "v"], groups_h=["u", "v"])
    data = load_dataset("t.csv", label="y", groups=["g"], base=tmp_path)
    assert (data.features.shape, tuple(data.groups)) == ((3, 3), ("g",))
    assert tuple(load_dataset("t.npz", groups=["g"], base=tmp_path).groups) == ("g",)
    assert load_dataset(str(tmp_path / "t.npz")).n_records == 2
    with pytest.raises(ConfigError, match=r"needs data\.label"):
        load_dataset("t.csv", base=tmp_path)


def test_user_functions_return_data(folder):
    assert load_dataset("mine.py:pair", base=folder).class_names == ("a", "b")
    assert load_dataset("mine.py:data", groups=["g"], base=folder).groups["g"].tolist() == ["u", "v", "u", "v"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mine.py:other", "must return .*; got dict"),
        ("mine.py:broken", "mine.py, line 11: ZeroDivisionError: division by zero"),
        ("mine.py:par", "Did you mean pair"),
        ("mine.py:constant", "is not callable"),
        ("none.py:pair", "cannot be read"),
        ("mine.py:", "expected file.py:function"),
        ("mine.txt:pair", "expected file.py:function"),
    ],
)
def test_bad_user_functions_are_one_line_config_errors(folder, spec, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_dataset(spec, base=folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\ndef f(:\n", r"bad\.py, line 2: SyntaxError"),
        ("\n\nraise ValueError('no\\nway')\n", r"bad\.py, line 3: ValueError: no way"),
        ("import nothing_of_that_name\n", r"line 1: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", r"line 2: SystemExit: 3"),
        ("x = '\x00'\n", r"bad\.py"),
    ],
)
def test_user_files_that_fail_say_where(tmp_path, content, message):
    (tmp_path / "bad.py").write_text(content)
    before = set(sys.modules)
    with pytest.raises(ConfigError, match=message) as caught:
        load_function("bad.py:f", tmp_path)
    assert "\n" not in str(caught.value)
    assert not {name for name in set(sys.modules) - before if "bad" in name}


def test_import_leaves_sys_path_and_other_modules_alone(tmp_path):
    (tmp_path / "json.py").write_text("def f(): return __name__\n")
    path, json = list(sys.path), sys.modules.get("json")
    name = load_function("json.py:f", tmp_path)()
    assert sys.path == path
    assert sys.modules.get("json") is json
    assert sys.modules[name] is not json


def test_same_file_name_in_two_folders(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.py").write_text(f"def f(): return {folder!r}\n")
    assert [load_function("m.py:f", tmp_path / folder)() for folder in ("a", "b")] == ["a", "b"]


def test_digest_follows_the_bytes_and_so_does_the_import(tmp_path):
    file = tmp_path / "m.py"
    file.write_text("def f(): return 1\n")
    first, digest = load_function("m.py:f", tmp_path), user_code_digest("m.py:f", tmp_path)
    assert load_function("m.py:f", tmp_path) is first
    file.write_text("def f(): return 2\n")
    assert user_code_digest("m.py:f", tmp_path) != digest
    assert load_function("m.py:f", tmp_path)() == 2
    with pytest.raises(ConfigError, match="cannot be read"):
        user_code_digest("none.py:f", tmp_path)


def test_listing_data_sets_imports_nothing_heavy():
    code = (
        "import sys; from privaudit.data import BUNDLED; [row.description for row in BUNDLED.values()];"
        "print(sorted({'pandas', 'sklearn', 'torch', 'click', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
