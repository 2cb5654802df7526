"""Reports in which every text that a user can put is an attempt to be more than text."""

import dataclasses
import functools

from privaudit.types import AuditReport, Finding, Metric, Section, Subject, Verdict
from privaudit.types.report import GateResult

TEXTS = {
    "script": "<script>alert('x')</script><img src=x onerror=alert(1)>",
    "quotes": '"\'><a href="https://evil.example">x</a>&lt;&amp;&#64;you',
    "lines": "a\n# big\r\n- item\n\n| a | b |\n|---|---|\n::error::no\v\f\x85\u2028::warning::no\u2029x",
    "control": "a\0b\x01\x08\x1b[31m\x7f\x9f\ufffe\uffff\ud800c",
    "workflow": "x%0A::error file=a::no%0D%0A##[error]no\n::set-output name=a::b",
    "cdata": "]]><x>]]&gt;<![CDATA[<y/>]]><!-- -->",
    "markdown": "**b** _i_ `c` ~~s~~ $m$ [l](https://evil.example) ![i](//evil.example/p.png) [r]: /u\n[r] <https://e.example> "
    "www.evil.example me@evil.example @you #1 GH-1 :tada: <details> \\[x\\](y)",
    "yaml": "--- !!python/object/apply:os.system ['true']\n...\n- {a: *b, &b c}\t# not a comment: {0} {{1}}",
    "directions": "\u202egnp.exe \u200f\u2066\u2069\ufeff \U0001f600\U0001f469\u200d\U0001f4bb é ß 漢字 العربية",
    "long": "very long " * 20_000,
}


@functools.cache
def hostile_report(builder, text):
    """Return a report of every kind of section, with a text in every place that takes one."""
    report = builder.compared_report(name=text, with_claim=True, attacks=("lira", text))
    sections = [*(_with_text(section, text) for section in report.sections), _worlds(text)]
    sections += [_poisoned(text, text), _one_graph(text)]
    sections.append(dataclasses.replace(sections[0], kind="canary"))
    games = Section(kind="games", title=text, notes=(f"Contradiction: {text}",))
    return dataclasses.replace(
        report,
        subject=Subject(name=text, model_digest=text, data_digest=text),
        claim=dataclasses.replace(report.claim, accountant=text),
        sections=(*sections, games),
        controls=tuple(dataclasses.replace(control, name=text, attack=text) for control in report.controls),
        verdicts=(*(dataclasses.replace(v, reason=text) for v in report.verdicts), _verdict(text, "fail")),
        provenance={**report.provenance, text: {text: [text]}, "config": {"data": {"source": text}}},
    )


def hostile_result(text):
    """Return what a gate would say with that text in every place."""
    verdicts = [_verdict(text, outcome) for outcome in ("pass", "fail", "inconclusive")]
    verdicts.append(_verdict(text, "fail", waiver=text))
    return GateResult(outcome="fail", verdicts=tuple(verdicts), reason=text)


def _verdict(text, outcome, waiver=""):
    numbers = {"lower": 0.1, text: 0.2, "max": float("inf"), "at": None}
    return Verdict(rule=text, outcome=outcome, numbers=numbers, reason=text, waiver=waiver)


def _with_text(section, text):
    return dataclasses.replace(
        section,
        title=text,
        notes=(text, f"Warning: {text}"),
        findings=tuple(_finding_with_text(finding, text) for finding in section.findings),
    )


def _finding_with_text(finding, text):
    params = {key: text if isinstance(value, str) and key != "arm" else value for key, value in finding.params.items()}
    return dataclasses.replace(
        finding,
        id=finding.id if finding.method == "defense" else finding.id + text,
        params={**params, "target": text},
        notes=(text,),
        metrics=tuple(dataclasses.replace(metric, rule=text) for metric in finding.metrics),
        estimates=tuple(dataclasses.replace(e, assumptions=(text,)) for e in finding.estimates),
    )


def _worlds(text, *, game="distribution_inference", **params):
    accuracy = Metric(name="accuracy", value=0.8, lower=0.7, upper=0.9, confidence=0.95, rule=text)
    finding = Finding(
        id=f"kl-{text[:50]}",
        method="kl",
        game=game,
        unit="model",
        n_in=50,
        n_out=50,
        params={"world_0": text, "world_1": text, "property": text, "world": 1, "n_records": 100, **params},
        metrics=(accuracy,),
    )
    return Section(kind="distribution", title=text, findings=(finding,), notes=(text, f"Warning: {text}"))


def _poisoned(text, share):
    poison = {"share": share, "true_class": text, "planted_class": text}
    return _worlds(text, game="poisoned_distribution", poison=poison)


def _one_graph(text):
    return _worlds(text, property=None, graph_property=text, protocol="shared")


@functools.cache
def reports(builder):
    """Return reports of every shape, by name."""
    plain = builder.sample_report()
    subject = Subject(name="m", model_digest="", data_digest="")
    finding = dataclasses.replace(builder.attack_finding("black_box", 0), id="black_box")
    canary = Section(kind="canary", title="Canaries", findings=(finding,))
    games = Section(kind="games", title="g", notes=("Contradiction: epsilon is at least 3.1 and at most 2.0.",))
    return {
        "plain": plain,
        "violated": builder.sample_report(outcome="violated", lower=6.0, ceiling=7.2),
        "consistent": builder.sample_report(outcome="consistent", lower=0.3, ceiling=7.2),
        "no claim": builder.sample_report(with_claim=False),
        "infinite claim": builder.sample_report(epsilon=float("inf")),
        "many targets": builder.sample_report(targets=range(32)),
        "defenses": builder.compared_report(),
        "empty": AuditReport(subject=subject, claim=None, sections=()),
        "worlds": AuditReport(subject=subject, claim=None, sections=(_worlds("income"),)),
        "poisoned worlds": AuditReport(subject=subject, claim=None, sections=(_poisoned("income", 0.02),)),
        "one base graph": AuditReport(subject=subject, claim=None, sections=(_one_graph("degree"),)),
        "canaries": dataclasses.replace(plain, sections=(canary, *plain.sections[1:])),
        "contradiction": dataclasses.replace(plain, sections=(*plain.sections, games)),
    }


RESULT = GateResult(
    outcome="fail",
    verdicts=(
        Verdict(rule="auc", outcome="pass", numbers={"lower": 0.51, "upper": 0.55, "max": 0.6}, reason="small"),
        Verdict(rule="tpr", outcome="fail", numbers={"lower": 0.05, "upper": 0.08, "max": 0.03}, reason="too large"),
        Verdict(rule="claim", outcome="inconclusive", numbers={"lower": 0.0, "ceiling": 4.4}, reason="too weak"),
        Verdict(
            rule="old",
            outcome="fail",
            numbers={"lower": 0.7, "max": 0.6},
            reason="known",
            waiver="ticket 12 (until 2027-01-01)",
        ),
    ),
    reason="1 of 4 checks failed: tpr.",
)
