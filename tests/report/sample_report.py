"""A realistic report, built by hand; every number can be overruled."""

import dataclasses

import numpy as np
from scipy import stats

from privaudit.types import (
    AuditReport,
    Control,
    DpSgdParams,
    EpsilonEstimate,
    EstimateKind,
    Finding,
    Metric,
    Neighbouring,
    PrivacyClaim,
    RocCurve,
    Section,
    Subject,
    Validity,
    Verdict,
)

ADD_REMOVE = Neighbouring.ADD_REMOVE
DIGEST = "3f" * 32
SEPARATIONS = {"loss": 0.03, "lira": 0.12, "rmia": 0.10}
RULE = "floor rule; the interval is descriptive: records of one model are not independent trials"


def one_run_estimate(*, lower=0.0, ceiling=4.4, n_correct=322, confidence=0.95, neighbouring=ADD_REMOVE, **more):
    return EpsilonEstimate(
        method="one_run",
        kind=EstimateKind.LOWER_BOUND,
        lower=lower,
        delta=1e-5,
        confidence=confidence,
        neighbouring=neighbouring,
        ceiling=ceiling,
        validity=Validity.VALID,
        assumptions=("fair coins, drawn independently", "the share of guesses was fixed beforehand"),
        diagnostics={"n_canaries": 3200, "n_guesses": 640, "n_correct": n_correct},
        **more,
    )


def claim_finding(epsilon=5.076):
    fpr = np.geomspace(1e-5, 1, 200)
    mu = 1.3
    tpr = stats.norm.sf(stats.norm.isf(fpr) - mu)
    upper = {"method": "pld", "kind": EstimateKind.UPPER_BOUND, "lower": 0.0, "delta": 1e-5, "confidence": 1.0}
    estimates = [
        EpsilonEstimate(**upper, upper=epsilon * factor, neighbouring=relation, validity=Validity.VALID)
        for factor, relation in ((1.0, ADD_REMOVE), (1.9, Neighbouring.REPLACE_ONE))
    ]
    roc = RocCurve(fpr=np.concatenate([[0], fpr]), tpr=np.concatenate([[0], tpr]))
    return Finding(id="claim", method="pld", game="dp", access=None, roc=roc, estimates=tuple(estimates))


def attack_finding(attack, target, *, separation=None, n_in=1604, n_out=1596, estimate=None):
    shift = SEPARATIONS.get(attack, 0.1) if separation is None else separation
    levels = np.linspace(-5, 5, 701)[::-1]
    steps = np.random.default_rng(target).uniform(-0.01, 0.01)
    fpr = np.concatenate([[0], np.round(stats.norm.sf(levels) * n_out) / n_out, [1]])
    tpr = np.concatenate([[0], np.round(stats.norm.sf(levels - shift - steps) * n_in) / n_in, [1]])
    auc = float(np.trapezoid(tpr, fpr))
    metrics = [Metric(name="auc", value=auc, lower=auc - 0.02, upper=auc + 0.02, confidence=0.95, rule="DeLong")]
    for at in (0.001, 0.01, 0.1):
        value = float(tpr[np.searchsorted(fpr, at, side="right") - 1])
        interval = {"lower": max(value - 0.01, 0.0), "upper": value + 0.012, "confidence": 0.95}
        achieved = float(np.floor(at * n_out) / n_out)
        metrics.append(Metric(name="tpr_at_fpr", at=at, value=value, **interval, rule=RULE, achieved_fpr=achieved))
    return Finding(
        id=f"{attack}-{target}",
        method=attack,
        params={"target": target},
        n_in=n_in,
        n_out=n_out,
        metrics=tuple(metrics),
        roc=RocCurve(fpr=fpr, tpr=tpr, n_in=n_in, n_out=n_out),
        estimates=(estimate or one_run_estimate(),),
    )


def accuracy_finding(target):
    values = {"accuracy_in": 0.848, "accuracy_out": 0.846, "accuracy_population": 0.843}
    return Finding(
        id=f"target-{target}",
        method="accuracy",
        params={"target": target},
        metrics=tuple(Metric(name=name, value=value) for name, value in values.items()),
    )


def control(lower=6.3, n_correct=640):
    return Control(
        name="noise 0, no clipping",
        attack="lira",
        n_models=8,
        estimate=one_run_estimate(lower=lower, ceiling=7.2, n_correct=n_correct),
        metrics=(Metric(name="auc", value=0.71, lower=0.69, upper=0.73, confidence=0.95),),
    )


def claim_verdict(outcome="too_weak", *, lower=0.0, claim=5.076, ceiling=4.4, control_lower=6.3):
    numbers = {"lower": lower, "claim": claim, "ceiling": ceiling, "control_lower": control_lower}
    return Verdict(
        rule="claim",
        outcome=outcome,
        numbers=numbers,
        reason="The ceiling must pass the claim: about 6,400 records with coins would lift it to 5.1.",
    )


def sample_report(
    *,
    outcome="too_weak",
    lower=0.0,
    epsilon=5.076,
    ceiling=4.4,
    control_lower=6.3,
    targets=(0,),
    attacks=("loss", "lira", "rmia"),
    n_correct=322,
    control_correct=640,
    name="adult-mlp",
    with_claim=True,
):
    """Return a report of the default audit; every one-run bound made 640 guesses, ``n_correct`` right."""
    estimate = one_run_estimate(lower=lower, ceiling=ceiling, n_correct=n_correct)
    findings = [attack_finding(attack, target, estimate=estimate) for attack in attacks for target in targets]
    findings += [accuracy_finding(target) for target in targets]
    sections = [Section(kind="mia", title="Membership inference", findings=tuple(findings))]
    claim, verdicts, controls = None, (), ()
    if with_claim:
        mechanism = DpSgdParams(noise_multiplier=1.2, sample_rate=0.1, steps=100)
        claim = PrivacyClaim(
            epsilon=epsilon, delta=1e-5, neighbouring=ADD_REMOVE, accountant="pld", mechanism=mechanism
        )
        sections.append(Section(kind="games", title="What the claim allows", findings=(claim_finding(epsilon),)))
        numbers = {"lower": lower, "claim": epsilon, "ceiling": ceiling, "control_lower": control_lower}
        verdicts = (claim_verdict(outcome, **numbers),)
        controls = () if control_lower is None else (control(control_lower, control_correct),)
    return AuditReport(
        subject=Subject(name=name, model_digest=DIGEST, data_digest="a7" * 32),
        claim=claim,
        sections=tuple(sections),
        controls=controls,
        verdicts=verdicts,
        provenance={
            "primary": {"attack": "lira", "estimator": "one_run", "chosen_on": "shadow pairs"},
            "seed": 0,
            "versions": {"privaudit": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
            "digests": {"design": "b1" * 32, "recipe": "c2" * 32},
            "config": {"data": {"source": "adult", "n_records": 4000}, "recipe": {"steps": 100, "sample_rate": 0.1}},
            "coins": {"n_canaries": 3200, "secret": True},
        },
    )


ARMS = {
    "none": ("no defense", {"name": "none", "kind": "none", "settings": {}}, (1.0, 0.62), None),
    "dp_sgd": (
        "DP-SGD, noise 1.2",
        {"name": "dp_sgd", "kind": "training", "settings": {"noise_multiplier": 1.2, "max_grad_norm": 1.0}},
        (0.58, 0.55),
        5.076,
    ),
    "clipping": (
        "DP-SGD without noise",
        {"name": "dp_sgd", "kind": "training", "settings": {"noise_multiplier": 0.0, "max_grad_norm": 1.0}},
        (0.61, 0.56),
        None,
    ),
    "top_k": ("top 1 of the outputs", {"name": "top_k", "kind": "output", "settings": {"k": 1}}, (1.0, 0.62), None),
}
ARM_SEPARATIONS = {
    "none": (0.9, 0.5, 0.4),
    "dp_sgd": (0.1, 0.03, 0.02),
    "clipping": (0.12, 0.04, 0.03),
    "top_k": (0.45, 0.4, 0.4),
}
HIDES = "“top 1 of the outputs” only hides scores: an attacker who sees labels alone finds as much as before."


def arm_finding(arm):
    title, named, (accuracy_in, accuracy_out), epsilon = ARMS[arm]
    values = {"accuracy_in": accuracy_in, "accuracy_out": accuracy_out, "accuracy_population": accuracy_out - 0.01}
    values["train_test_gap"] = accuracy_in - accuracy_out
    fails = named["kind"] in ("none", "output")
    params = {
        "arm": arm,
        "title": title,
        **named,
        "digest": DIGEST,
        "claim_epsilon": epsilon,
        "delta": epsilon and 1e-5,
        "neighbouring": epsilon and "add_remove",
        "claim_outcome": epsilon and "too_weak",
        "policy": "fail" if fails else "pass",
        "policy_failed": ["auc"] if fails else [],
    }
    metrics = tuple(Metric(name=name, value=value) for name, value in values.items())
    return Finding(id=arm, method="defense", access=None, params=params, metrics=metrics)


def arm_attack(arm, attack, separation, before=None):
    found = attack_finding(attack, 0, separation=separation)
    metrics = found.metrics
    if before is not None:
        less = metrics[0].value - before.metrics[0].value
        ends = {"lower": less - 0.03, "upper": less + 0.03, "confidence": 0.95}
        metrics = (*metrics, Metric(name="auc_difference", value=less, **ends, rule="two audits, descriptive"))
    return Finding(
        id=f"{arm}:{attack}-0",
        method=attack,
        access="label" if attack == "gap" else "score",
        params={"arm": arm, "target": 0},
        n_in=found.n_in,
        n_out=found.n_out,
        metrics=metrics,
        estimates=(one_run_estimate(),) if attack == "lira" else (),
    )


def defense_section(arms=tuple(ARMS)):
    """Return the comparison of a model without a defense, with two trainings and with one output filter."""
    findings, first = [arm_finding(arm) for arm in arms], {}
    for arm in arms:
        for attack, separation in zip(("lira", "loss", "gap"), ARM_SEPARATIONS[arm], strict=True):
            finding = arm_attack(arm, attack, separation, first.get(attack))
            first.setdefault(attack, finding)
            findings.append(finding)
    notes = (HIDES,) if "top_k" in arms else ()
    return Section(kind="defense", title="Before and after each defense", findings=tuple(findings), notes=notes)


def compared_report(arms=tuple(ARMS), **changes):
    """Return the report of a model without a guarantee, with its defenses."""
    report = sample_report(**{"with_claim": False, "attacks": (), **changes})
    if "attacks" not in changes:  # what the first arm's own report says
        separations = zip(("lira", "loss", "gap"), ARM_SEPARATIONS[arms[0]], strict=True)
        attacks = tuple(attack_finding(attack, 0, separation=separation) for attack, separation in separations)
        section = dataclasses.replace(report.sections[0], findings=(*attacks, *report.sections[0].findings))
        report = dataclasses.replace(report, sections=(section, *report.sections[1:]))
    return dataclasses.replace(report, sections=(*report.sections, defense_section(arms)))
