"""The four answers: what each kind of report says first, and that no number stands alone."""

import dataclasses
import re

import pytest

from privaudit.report.answer_leak import attacks_on_subject, strongest
from privaudit.report.first_screen import QUESTIONS, first_screen
from privaudit.report.html import render_html
from privaudit.report.sentences import headline
from privaudit.report.terminal import render_text
from privaudit.types import AuditReport, Finding, Metric, Section, Subject, Validity, Verdict

LONGEST = 420  # letters that fit the first screen of a desktop four times over
JARGON = re.compile(
    r"\b(?:TPR|FPR|AUC|ROC|PPV|shadow|hyperparameter|estimator|adjacency|neighbouring|logit)", re.IGNORECASE
)


def answers(report):
    return [one.answer for one in first_screen(report)]


def alone(*sections):
    return AuditReport(subject=Subject(name="m", model_digest="", data_digest=""), claim=None, sections=sections)


def canaries(builder, unit="record", **changes):
    report = builder.sample_report(attacks=(), **changes)
    finding = dataclasses.replace(
        builder.attack_finding("black_box", 0, separation=0.5, n_in=93, n_out=107), game="canary", unit=unit
    )
    section = Section(kind="canary", title="Canaries", findings=(finding,))
    return dataclasses.replace(report, sections=(section, *report.sections[1:]))


def worlds(value=0.9, *, game="distribution_inference", **params):
    accuracy = Metric(name="accuracy", value=value, lower=value - 0.1, upper=value + 0.05, confidence=0.99)
    finding = Finding(
        id="kl-1",
        method="kl",
        game=game,
        unit="model",
        n_in=12,
        n_out=12,
        params={"world": 1, "world_0": "50 %", "world_1": "10 %", **params},
        metrics=(accuracy,),
    )
    return alone(Section(kind="distribution", title="Distribution inference", findings=(finding,)))


def every_report(builder):
    return {
        "too weak": builder.sample_report(),
        "no control": builder.sample_report(ceiling=7.2, control_lower=None),
        "weak control": builder.sample_report(ceiling=7.2, control_lower=1.2),
        "violated": builder.sample_report(outcome="violated", lower=6.0, ceiling=7.2),
        "consistent": builder.sample_report(outcome="consistent", lower=0.3, ceiling=7.2),
        "no claim": builder.sample_report(with_claim=False),
        "infinite": builder.sample_report(epsilon=float("inf")),
        "many targets": builder.sample_report(targets=range(4)),
        "one attack": builder.sample_report(attacks=("loss",)),
        "canaries": canaries(builder),
        "runs": canaries(builder, unit="model"),
        "worlds": worlds(property="sex = Female"),
        "poisoned worlds": worlds(property="sex = Female", game="poisoned_distribution", poison={"share": 0.02}),
        "one base graph": worlds(graph_property="clustering", protocol="shared"),
        "defenses": builder.compared_report(),
        "two defenses": builder.compared_report(("none", "dp_sgd", "clipping")),
        "nothing": alone(),
    }


def test_every_report_answers_the_same_four_questions_in_a_sentence_each(builder):
    for name, report in every_report(builder).items():
        found = first_screen(report)
        assert [one.question for one in found] == [question for question, _ in QUESTIONS], name
        for one in found:
            assert one.answer.endswith(".") and ". " not in one.answer.replace("vs. ", ""), (name, one.answer)
            assert one.answer[0].isupper() and len(one.answer) <= LONGEST, (name, len(one.answer), one.answer)
            assert "None" not in one.answer and "nan" not in one.answer and "  " not in one.answer, (name, one.answer)
            assert not JARGON.search(one.answer), (name, one.answer)


def test_epsilon_never_stands_there_unexplained(builder):
    for name, report in every_report(builder).items():
        first = answers(report)[0]
        if "epsilon" in first:
            assert "can change what comes out; smaller is more private" in first, name


VERDICTS = {
    "too weak": (
        {},
        "The audit was too weak to tell: promised is an epsilon of at most 5.08 (",
        "it shows none above 0 with 95 % confidence but could never have shown more than 4.40.",
    ),
    "weak control": (
        {"ceiling": 7.2, "control_lower": 1.2},
        "The audit was too weak to tell",
        "shows only 1.20 on a control without that protection.",
    ),
    "no control": (
        {"ceiling": 7.2, "control_lower": None},
        "The audit was too weak to tell",
        "has no control, a training without that protection, to tell what it could have seen.",
    ),
    "violated": (
        {"outcome": "violated", "lower": 6.0, "ceiling": 7.2},
        "No: promised is",
        "the audit shows at least 6.00",
    ),
    "just violated": ({"outcome": "violated", "lower": 5.0764, "epsilon": 5.0761}, "No: ", "at least 5.0764"),
    "consistent": (
        {"outcome": "consistent", "lower": 0.3, "ceiling": 7.2},
        "Nothing that was seen contradicts it: promised is",
        "the audit shows at least 0.30 with 95 % confidence, and a control without that protection showed at least 6.30.",
    ),
    "no claim": (
        {"with_claim": False},
        "No privacy guarantee was claimed, so there is none to check; no epsilon (",
        "above 0 is shown.",
    ),
    "infinite": ({"epsilon": float("inf")}, "No privacy guarantee was claimed", ""),
}


@pytest.mark.parametrize(("change", "start", "says"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_comes_first_with_what_it_rests_on(builder, change, start, says):
    said = answers(builder.sample_report(**change))[0]
    assert said.startswith(start) and says in said, said


def test_an_audit_that_was_changed_after_a_look_says_so(builder):
    report = builder.sample_report(ceiling=7.2)
    verdict = dataclasses.replace(report.verdicts[0], reason="No verdict: the attack was changed. The bound is below.")
    said = answers(dataclasses.replace(report, verdicts=(verdict,)))[0]
    assert said.endswith("but was changed after a report had been seen.")


def test_a_claim_that_was_not_judged_is_not_called_kept(builder):
    report = dataclasses.replace(builder.sample_report(), verdicts=(Verdict(rule="other", outcome="pass"),))
    assert answers(report)[0].startswith("Not judged: promised is an epsilon of at most 5.08")


def test_tests_of_the_training_are_told_from_bounds(builder):
    numbers = {"lower": 1.0, "claim": 5.076, "ceiling": 2.3, "control_lower": 2.29, "curve_confidence": 0.9775}
    verdict = Verdict(rule="claim", outcome="consistent", numbers=numbers, reason="r")
    seen = answers(dataclasses.replace(canaries(builder), verdicts=(verdict,)))
    assert "a control without that protection failed the test that this one passes" in seen[0]
    broken = dataclasses.replace(verdict, outcome="violated", numbers={**numbers, "noise_refuted": 1.0})
    said = answers(dataclasses.replace(canaries(builder), verdicts=(broken,)))[0]
    assert said.startswith("No: ") and "a test refutes the noise (steps add less than claimed)" in said


def test_the_leak_is_told_in_hundreds_beside_guessing(builder):
    said = answers(builder.sample_report())[1]
    assert said.startswith(
        "The best of 3 attacks (LiRA) finds 1.3 of 100 training records (0.31 to 2.5; guessing finds 1) while"
    )
    assert (
        "it falsely accuses 1 of 100 others, and tells a training record from another one in 53.5 of 100 cases" in said
    )
    one = answers(builder.sample_report(attacks=("loss",)))[1]
    assert one.startswith("The attack (loss threshold) finds 1.1 of 100") and one.endswith(
        "; guessing could do as well."
    )
    many = answers(builder.sample_report(targets=range(4)))[1]
    assert "over 4 models; guessing" in many


def test_another_attack_may_be_better_at_the_other_number(builder):
    report = builder.sample_report(attacks=("lira", "rmia"))
    lira, rmia, *rest = report.sections[0].findings
    stronger = tuple(dataclasses.replace(m, value=m.value + 0.1) if m.name == "auc" else m for m in rmia.metrics)
    section = dataclasses.replace(
        report.sections[0], findings=(lira, dataclasses.replace(rmia, metrics=stronger), *rest)
    )
    said = answers(dataclasses.replace(report, sections=(section, *report.sections[1:])))[1]
    assert "(LiRA) finds" in said and "and another (RMIA) tells" in said


def test_a_rate_that_few_records_cannot_show_is_told_at_more_false_accusations(builder):
    report = builder.sample_report(attacks=("lira",))
    finding = report.sections[0].findings[0]
    metrics = tuple(dataclasses.replace(m, value=None) if m.at in (0.001, 0.01) else m for m in finding.metrics)
    section = dataclasses.replace(report.sections[0], findings=(dataclasses.replace(finding, metrics=metrics),))
    assert "falsely accuses 10 of 100 others" in answers(dataclasses.replace(report, sections=(section,)))[1]
    aucs = dataclasses.replace(section, findings=(dataclasses.replace(finding, metrics=metrics[:1]),))
    said = answers(dataclasses.replace(report, sections=(aucs,)))[1]
    assert said.startswith("The attack (LiRA) tells a training record from another one")


def test_what_sees_no_model_is_no_attack(builder):
    report = builder.sample_report()
    blind = dataclasses.replace(builder.attack_finding("blind", 0, separation=3.0), access=None, id="blind")
    section = dataclasses.replace(report.sections[0], findings=(*report.sections[0].findings, blind))
    report = dataclasses.replace(report, sections=(section, *report.sections[1:]))
    assert strongest(attacks_on_subject(report), "auc").method == "lira" and "of 3 attacks" in answers(report)[1]


def test_how_sure_names_the_error_the_numbers_and_the_control(builder):
    said = answers(builder.sample_report())[2]
    assert said.startswith(
        "The bound on epsilon is wrong in at most 5 of 100 such audits (322 of 640 guesses were right, "
    )
    for part in (
        "4.40 is the most it could have been",
        "the control (noise 0, no clipping) gave 6.30",
        "1,604 training records",
    ):
        assert part in said
    assert "there is no control" in answers(builder.sample_report(control_lower=None))[2]
    bare = dataclasses.replace(builder.sample_report(with_claim=False), provenance={})
    assert answers(bare)[2].startswith("No bound on epsilon was made; the 95 % ranges come from 1,604")
    assert "independent" not in said and said.endswith(
        "describe these alone; the best attack was picked afterwards, which flatters it a little."
    )
    assert answers(canaries(builder, unit="model"))[2].endswith("107 runs without it.")


def test_what_was_not_seen_follows_from_the_report(builder):
    weak, fine = (
        answers(builder.sample_report())[3],
        answers(builder.sample_report(ceiling=7.2, outcome="consistent"))[3],
    )
    assert weak.startswith("An epsilon above 4.40, though 5.08 is promised; ")
    assert fine.startswith("An epsilon above 7.20; ") and "promised" not in fine
    assert (
        "whether it would have seen a broken promise, as no control was run"
        in answers(builder.sample_report(control_lower=None))[3]
    )
    assert "(the control gave only 1.20)" in answers(builder.sample_report(control_lower=1.2))[3]
    assert "1 false accusation in 1,596" in fine and "these 3,200" in fine and "who add records" in fine
    labels = builder.sample_report(attacks=("gap",))
    finding = dataclasses.replace(labels.sections[0].findings[0], access="label")
    section = dataclasses.replace(labels.sections[0], findings=(finding,))
    assert (
        "who sees scores or weights and not labels alone"
        in answers(dataclasses.replace(labels, sections=(section,)))[3]
    )
    assert "who add records" not in answers(canaries(builder))[3]


def test_worlds_are_told_in_the_same_four_answers():
    said = answers(worlds(property="sex = Female"))
    assert "training records taken together" in said[0]
    assert said[1] == (
        "Asked which of two worlds (10 % or 50 % of the records with sex = Female) a model was trained in, the attack (KL "
        "divergence) is right for 90 of 100 models (80 to 95; guessing 50)."
    )
    assert (
        "wrong in at most 1 of 100 such audits, from 12 audited models" in said[2] and "there is no control" in said[2]
    )
    assert "24 audited models" in said[3] and "other properties than sex = Female" in said[3]


def test_a_comparison_names_what_each_defense_changes(builder):
    report = builder.compared_report(("none", "dp_sgd", "clipping"))
    said = answers(report)
    assert said[0].startswith(
        "The model without a defense promises nothing; “DP-SGD, noise 1.2” promises an epsilon of at most 5.08"
    )
    assert ", none above 0 is shown with 95 % confidence, and the audit was too weak to tell" in said[0]
    assert "hold one by one; without a defense it is at least" in said[2]
    assert said[1].startswith("Without a defense, the best of 3 attacks (LiRA) finds 7.5 of 100")
    assert "with “DP-SGD, noise 1.2” 1.2 (0.25 to 2.4); with “DP-SGD without noise” 1.3" in said[1]


def test_of_several_attacks_bounds_on_an_arm_none_is_picked(builder):
    report = builder.compared_report(("none", "dp_sgd"))
    section = report.sections[-1]
    bound = (builder.one_run_estimate(lower=0.3),)
    findings = tuple(
        f if f.method in ("defense", "gap") else dataclasses.replace(f, estimates=bound) for f in section.findings
    )
    section = dataclasses.replace(section, findings=findings)
    said = answers(dataclasses.replace(report, sections=(*report.sections[:-1], section)))[0]
    assert "is shown" not in said and "at most 5.08, and the audit was too weak to tell" in said


def test_many_defenses_are_told_as_a_range(builder):
    report = builder.compared_report()
    section = report.sections[-1]
    arms = [
        dataclasses.replace(f, id=f"x{f.id}", params={**f.params, "arm": f"x{f.params['arm']}"})
        for f in section.findings
    ]
    report = dataclasses.replace(
        report, sections=(*report.sections[:-1], dataclasses.replace(section, findings=(*section.findings, *arms)))
    )
    assert "; with the 7 defenses, 1.2 to 7.5 (each has its row below)" in answers(report)[1]


def test_a_bound_of_zero_shows_nothing(builder):
    for said in (builder.sample_report(lower=0.0), builder.sample_report(lower=0.0, with_claim=False)):
        assert "at least 0.00" not in answers(said)[0] and "above 0" in answers(said)[0]


def test_a_heuristic_bound_is_not_called_shown(builder):
    report = builder.sample_report(with_claim=False, lower=0.3)
    assert "is shown to be at least" in answers(report)[0]
    sections = tuple(
        dataclasses.replace(
            section,
            findings=tuple(
                dataclasses.replace(
                    f, estimates=tuple(dataclasses.replace(e, validity=Validity.HEURISTIC) for e in f.estimates)
                )
                for f in section.findings
            ),
        )
        for section in report.sections
    )
    doubtful = dataclasses.replace(report, sections=sections)
    assert "is shown" not in answers(doubtful)[0] and "no guarantee" in answers(doubtful)[0]
    assert "95 % confidence" not in headline(doubtful) and "heuristic" in headline(doubtful)


def test_a_comparison_says_where_guessing_could_do_as_well(builder):
    report = builder.compared_report()
    assert "guessing could" not in answers(report)[1]
    zero = {"lower": 0.0}
    sections = tuple(
        dataclasses.replace(
            section,
            findings=tuple(
                dataclasses.replace(f, metrics=tuple(dataclasses.replace(m, **zero) for m in f.metrics))
                for f in section.findings
            ),
        )
        for section in report.sections
    )
    weak = answers(dataclasses.replace(report, sections=sections))[1]
    assert " (guessing could do as well); with " in weak


def test_the_page_and_the_terminal_begin_with_the_answers(builder):
    for report in (builder.sample_report(), builder.compared_report()):
        page, text = render_html(report), render_text(report)
        places = [page.index(one.question) for one in first_screen(report)]
        assert places == sorted(places) and places[-1] < page.index("<main>")
        assert text.startswith(first_screen(report)[0].question)


def test_a_comparison_says_whose_bound_it_is_sure_of(builder):
    report = builder.compared_report()
    lower = max(estimate.lower for _, estimate in report.primary_estimates())
    sure = answers(report)[2]
    assert sure.startswith(
        f"Bounds on epsilon hold one by one; without a defense it is at least {lower:.2f}, which is wrong in at most 5 of 100"
    )
    assert "of one model of each training" in sure


def test_a_comparison_names_another_attack_where_it_is_the_best_on_an_arm(builder):
    report = builder.compared_report()
    section = report.sections[-1]
    found = tuple(
        dataclasses.replace(f, method="rmia") if f.method == "lira" and f.params["arm"] != "none" else f
        for f in section.findings
    )
    other = dataclasses.replace(report, sections=(*report.sections[:-1], dataclasses.replace(section, findings=found)))
    assert "(RMIA; " in answers(other)[1] and "(LiRA; " not in answers(report)[1]


def test_a_comparison_says_that_the_control_of_an_arm_was_too_weak(builder):
    report = builder.compared_report()
    section = report.sections[-1]
    findings = tuple(
        dataclasses.replace(f, params={**f.params, "control_lower": 0.31, "claim_outcome": "too_weak"})
        if f.method == "defense" and f.params.get("claim_epsilon") is not None
        else f
        for f in section.findings
    )
    weak = dataclasses.replace(
        report, sections=(*report.sections[:-1], dataclasses.replace(section, findings=findings))
    )
    assert "leaks that its attack misses (the control of “DP-SGD, noise 1.2” gave only 0.31)" in answers(weak)[3]
    assert "the control of" not in answers(report)[3]
    assert "there is no control" not in answers(weak)[2]  # a sentence away from one it would contradict it
    assert "for on the same training without noise and clipping it shows only 0.31" in answers(weak)[0]


def test_a_heuristic_bound_on_an_arm_is_not_called_shown(builder):
    report = builder.compared_report(("none", "dp_sgd"))
    section = report.sections[-1]
    findings = tuple(
        dataclasses.replace(
            f, estimates=tuple(dataclasses.replace(e, validity=Validity.HEURISTIC) for e in f.estimates)
        )
        for f in section.findings
    )
    section = dataclasses.replace(section, findings=findings)
    said = answers(dataclasses.replace(report, sections=(*report.sections[:-1], section)))[0]
    assert "is shown" not in said and "confidence" not in said and "which is no guarantee, and the audit" in said


def test_beside_a_model_that_promises_itself_other_promises_are_told(builder):
    report = builder.compared_report(("none", "dp_sgd"))
    claimed = builder.sample_report()
    report = dataclasses.replace(report, claim=claimed.claim, verdicts=claimed.verdicts, controls=claimed.controls)
    section = report.sections[-1]
    findings = tuple(
        dataclasses.replace(f, params={**f.params, "claim_epsilon": 1.0, "claim_outcome": "violated"})
        if f.method == "defense" and f.id == "dp_sgd"
        else f
        for f in section.findings
    )
    section = dataclasses.replace(section, findings=findings)
    said = answers(dataclasses.replace(report, sections=(*report.sections[:-1], section)))[0]
    assert said.startswith("Without a defense: ")
    assert "“DP-SGD, noise 1.2” promises an epsilon of at most 1" in said and "the audit contradicts that" in said
