"""More models for a finished audit: when its bounds still hold, and that they are those of a fresh audit."""

import functools
import json
import shutil

import pytest

pytestmark = pytest.mark.slow

REPORTS = ("report.json", "report.html", "report.md")
RUN = ("--out", "out", "--engine", "inline", "--quiet")


def reports(folder):
    return {name: (folder / name).read_bytes() for name in REPORTS}


def weights(folder):
    return {path.name: path.read_bytes() for path in (folder / "models").glob("*.safetensors")}


def read(folder):
    """Validities of all bounds, and the verdict."""
    report = json.loads((folder / "report.json").read_text())
    bounds = [e for s in report["sections"] if s["kind"] == "mia" for f in s["findings"] for e in f["estimates"]]
    (verdict,) = report["verdicts"]
    return {bound["validity"] for bound in bounds}, verdict, report


@pytest.fixture(scope="module")
def twelve(tmp_path_factory, new_command):
    """An audit that began with twelve models; nobody has seen a report of it."""
    from privaudit import train_shadows

    run = new_command(tmp_path_factory.mktemp("twelve"))
    config = run.folder / run.config(design={"n_models": 12}, engine={"kind": "inline"}, out=str(run.folder / "out"))
    return train_shadows(config)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, new_command, twelve):
    """Makes the report of an audit that began with twelve models, once for each design; nobody changes it."""

    @functools.cache
    def _fresh(**design):
        run = new_command(tmp_path_factory.mktemp("fresh"))
        shutil.copytree(twelve, run.folder / "fresh")
        config = run.config("fresh.yaml", design={"n_models": 12, **design})
        run.inside("run", config, "--out", "fresh", "--engine", "inline", "--quiet")
        return run.folder / "fresh"

    return _fresh


def test_before_a_report_more_models_are_as_good_as_asked_for_at_once(command, fresh):
    from privaudit import train_shadows

    out = command.folder / "out"
    train_shadows(command.folder / command.config(engine={"kind": "inline"}, out=str(out)))
    eight = weights(out)
    command.inside("run", command.config(design={"n_models": 12}), *RUN)
    wanted = fresh()
    assert eight.items() <= weights(out).items()
    assert weights(out) == weights(wanted)
    assert reports(out) == reports(wanted)
    assert read(out)[0] == {"valid"}


def test_after_a_report_the_same_target_has_been_seen(command, small, fresh):
    out = command.folder / "out"
    shutil.copytree(small, out)
    command.inside("run", command.config(design={"n_models": 12}), *RUN)
    validities, verdict, report = read(out)
    assert validities == {"heuristic"}
    assert verdict["outcome"] == "too_weak"
    assert "models were added after a first report on the same coins" in verdict["reason"]
    assert "design.targets among models that are added after the last report" in verdict["reason"]
    assert report["provenance"]["analysis_changed_after_a_report"]
    assert report["provenance"]["models"]["trained"] == 16
    assert "models were added after a first report" in (out / "report.html").read_text()
    assert weights(out) == weights(fresh())
    command.inside("attack", "out")
    assert read(out)[0] == {"heuristic"}


def test_after_a_report_new_targets_have_not_been_seen(command, small, fresh):
    out = command.folder / "out"
    shutil.copytree(small, out)
    config = command.config(design={"n_models": 12, "targets": [8, 11]})
    command.inside("run", config, *RUN)
    assert read(out)[0] == {"valid"}
    first = reports(out)
    command.inside("attack", "out")  # the same look once more
    assert reports(out) == first
    grown, alone = read(out)[2], read(fresh(targets=(8, 11)))[2]
    (note,) = [note for note in grown["sections"][0]["notes"] if note not in alone["sections"][0]["notes"]]
    assert note.startswith("A report came before this one on this folder") and note in (out / "report.md").read_text()
    grown["sections"][0]["notes"].remove(note)
    assert grown.pop("audit_digest") != alone.pop("audit_digest")  # of all the rest
    assert grown == alone
    command.inside("attack", "out", "--config", command.config("other.yaml", confidence=0.9))
    assert read(out)[0] == {"heuristic"}


def test_other_targets_of_the_same_models_have_been_seen(command, small):
    """They served as shadows of the first report."""
    shutil.copytree(small, command.folder / "out")
    command.inside("run", command.config(design={"n_models": 8, "targets": [2]}), *RUN)
    validities, verdict, _ = read(command.folder / "out")
    assert validities == {"heuristic"}
    assert "the analysis was changed after a first report" in verdict["reason"]
    command.inside("run", command.config(), *RUN)
    assert reports(command.folder / "out") == reports(small)


def test_a_report_without_its_json_was_a_report(command, small):
    shutil.copytree(small, command.folder / "out")
    (command.folder / "out" / "report.json").unlink()
    command.inside("run", command.config(confidence=0.9), *RUN)
    assert read(command.folder / "out")[0] == {"heuristic"}
