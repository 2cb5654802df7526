"""`privaudit run` of kind canaries: both games, resume, the same bytes everywhere, mistakes."""

import json
import shutil

import numpy as np
import pytest
import yaml

from privaudit.cli.main import exit_code
from privaudit.errors import StoreVersionError
from privaudit.pipeline import run_audit

pytestmark = pytest.mark.slow


def config(tmp_path, *, epsilon=4.0, hidden=16, sample_rate=1.0, steps=10, **canaries):
    return {
        "kind": "canaries",
        "data": {"source": "digits", "n_records": 60},
        "model": {"build": "mlp", "params": {"hidden": [hidden]}},
        "recipe": {
            "steps": steps,
            "sample_rate": sample_rate,
            "optimizer": {"lr": 0.1},
            "dp": {"epsilon": epsilon},
        },
        "canaries": canaries,
        "engine": {"kind": "inline"},
        "out": str(tmp_path / "out"),
    }


def methods(report):
    return {estimate.method for finding in report.findings("canary") for estimate in finding.estimates}


def test_one_run_of_gradient_canaries(tmp_path):
    report = run_audit(config(tmp_path, n_canaries=200))
    assert methods(report) == {"one_run", "fdp_one_run", "gaussian_dp", "noise_probe"}
    assert report.claim_verdict().outcome == "consistent"
    assert report.claim.epsilon == pytest.approx(4.0, abs=0.01)
    (control,) = report.controls
    assert control.estimate.lower > report.primary_estimates()[0][1].lower


def test_subsampled_steps_are_audited_with_their_coins_known(tmp_path):
    report = run_audit(config(tmp_path, n_canaries=200, sample_rate=0.2, steps=20))
    assert {"one_run", "known_coin_step", "noise_probe"} <= methods(report)
    bounds = {e.method: e for f in report.findings("canary") for e in f.estimates}
    assert 0 < bounds["known_coin_step"].lower < 4.0
    assert bounds["known_coin_step"].lower > bounds["one_run"].lower


def test_many_runs_of_one_canary(tmp_path):
    report = run_audit(config(tmp_path, game="many_runs", kind="spread", n_runs=600))
    assert {"clopper_pearson", "posterior", "gaussian_dp"} <= methods(report)
    bound = next(e for f in report.findings("canary") for e in f.estimates if e.method == "gaussian_dp")
    assert 1.5 < bound.lower < 4.0
    assert report.claim_verdict().outcome == "consistent"


@pytest.mark.parametrize("kind", ["mislabelled", "random", "clipbkd"])
def test_one_run_of_record_canaries(tmp_path, kind):
    report = run_audit(config(tmp_path, kind=kind, n_canaries=40))
    (finding, bound) = report.primary_estimates()[0]
    assert (finding.method, bound.method) == ("black_box", "one_run")
    assert "gaussian_dp" not in methods(report)  # losses of one model are no independent trials


def test_a_blank_record_in_many_runs(tmp_path):
    report = run_audit(config(tmp_path, game="many_runs", kind="blank", n_runs=200))
    assert report.primary_estimates()[0][1].method == "clopper_pearson"


def test_an_interrupted_game_goes_on_with_the_same_bytes(tmp_path):
    whole = {**config(tmp_path / "a", game="many_runs", n_runs=600), "control": {"n_models": 0}}
    run_audit(whole)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    played = sorted((tmp_path / "b" / "out" / "played").iterdir())
    assert len(played) > 2
    played[1].unlink()
    played[-1].unlink()
    (tmp_path / "b" / "out" / "report.json").unlink()
    run_audit({**whole, "out": str(tmp_path / "b" / "out"), "engine": {"kind": "process", "workers": 2}})
    for name in ("report.json", *(f"played/{path.name}" for path in played)):
        assert (tmp_path / "a/out" / name).read_bytes() == (tmp_path / "b/out" / name).read_bytes()


def test_a_game_stops_when_it_is_decided(tmp_path):
    settings = config(tmp_path, epsilon=2.0, game="many_runs", kind="spread", n_runs=1000, stop_when="decided")
    report = run_audit(settings)
    (_, bound) = report.primary_estimates()[0]
    assert bound.method == "betting" and bound.n_in < 450
    assert report.claim_verdict().outcome in ("consistent", "too_weak")
    again = run_audit(settings)  # nothing is played again, and the game ends at the same pair
    assert again.primary_estimates()[0][1].n_in == bound.n_in


def test_another_game_in_the_same_folder_is_refused(tmp_path):
    run_audit(config(tmp_path, n_canaries=100))
    with pytest.raises(StoreVersionError, match="n_canaries"):
        run_audit(config(tmp_path, n_canaries=120))


def test_the_command_runs_attacks_again_and_gates(tmp_path, capfd):
    path = tmp_path / "audit.yaml"
    path.write_text(yaml.safe_dump(config(tmp_path, n_canaries=100)))
    assert exit_code(["run", str(path), "--quiet"]) == 0
    assert "accountant's curve" in capfd.readouterr().out
    first = (tmp_path / "out/report.json").read_bytes()
    assert exit_code(["attack", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/report.json").read_bytes() == first
    capfd.readouterr()
    assert exit_code(["report", str(tmp_path / "out"), "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["sections"][0]["kind"] == "canary"


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"canaries": {"kind": "coordinat"}}, 2, "coordinate"),
        ({"canaries": {"n_canaries": 10_000}}, 2, "1210"),
        ({"recipe": {"steps": 5, "sample_rate": 1.0}}, 2, "recipe.dp is missing"),
        ({"model": {"build": "mlp", "train": "x.py:train"}}, 4, "CanaryAudit"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capfd, change, code, message):
    path = tmp_path / "audit.yaml"
    path.write_text(yaml.safe_dump({**config(tmp_path), **change}))
    assert exit_code(["run", str(path), "--quiet"]) == code
    shown = capfd.readouterr().err
    assert message in shown and "Traceback" not in shown and len(shown.strip().splitlines()) == 1


def test_stop_when_is_for_canaries_only(tmp_path, capfd):
    assert exit_code(["run", "--stop-when", "decided", "--out", str(tmp_path / "x"), "--quiet"]) == 2
    assert "kind: canaries" in capfd.readouterr().err


def test_a_gate_judges_the_curve_at_its_own_confidence(tmp_path):
    from privaudit.gate import judge
    from privaudit.gate.policy import GatePolicy
    from privaudit.pipeline.canary_outcome import CanaryOutcome
    from privaudit.pipeline.canary_report import canary_report
    from privaudit.types import DpSgdParams

    policy = GatePolicy.model_validate(
        {"schema_version": 1, "confidence": 0.99, "rules": [{"id": "claim", "metric": "claim"}]}
    )
    rng, params = np.random.default_rng(0), DpSgdParams(noise_multiplier=2.236, sample_rate=1.0, steps=20)
    is_in = rng.integers(0, 2, 1000)
    outcomes = {}
    for name, mu in (("broken", 4.0), ("correct", 1.5), ("control", 99.0)):
        scores = rng.normal(0, 1, 1000) + mu * is_in
        outcomes[name] = CanaryOutcome(
            name="black_box", scores=scores, is_in=is_in, game="many_runs", is_independent=True
        )
    settings = {"params": params, "delta": 1e-5}
    assert judge(canary_report([outcomes["broken"]], **settings), policy).outcome == "fail"
    assert judge(canary_report([outcomes["correct"]], **settings), policy).outcome == "inconclusive"
    both = canary_report([outcomes["correct"]], control=outcomes["control"], **settings)
    assert judge(both, policy).outcome == "pass"
