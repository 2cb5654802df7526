"""Sentences of `privaudit.gate.explanation`."""

THREE_WAY = "A limit on a number with interval [lower, upper]: fail if lower is above the limit, pass if upper is not, else inconclusive."

QUANTITIES = {
    "claim": "whether the outcomes contradict the claimed epsilon, and whether this audit could have contradicted it.",
    "claim_epsilon": "how large the claimed epsilon is.",
    "epsilon_lower": "the largest epsilon that any attack on any target shows from below.",
    "auc": "the AUC of every attack on every target: how often a member gets a higher score than a non-member; 0.5 is guessing.",
    "tpr_at_fpr": "the share of the members that every attack on every target finds, at a rate of false accusations.",
    "advantage": "the largest true less false positive rate over all thresholds, of every attack on every target; 0 is guessing.",
    "distribution_accuracy": "how often every attack tells rightly which of two worlds a model was trained on; 0.5 is guessing.",
    "n_leaked": "how many records, drawn at random and seen with their property, would tell two worlds apart as often as an attack.",
}

METHODS = {
    "claim": "lower bounds on epsilon, computed anew from the counts in the report; of primary attack and estimator alone.",
    "claim_epsilon": "none, the claim is a stated number; an audit that contradicts it fails it.",
    "epsilon_lower": "lower bounds, computed anew from the counts; a claim that stood the test is the upper end, else there is none.",
    "auc": "Wilson interval with the distribution-free variance A (1 - A) / min(members, non-members); large samples.",
    "tpr_at_fpr": "read off the stored curve, with the error of the threshold and that of the members (Clopper-Pearson, four tails).",
    "advantage": "simultaneous bands around both distributions of scores, so that the best threshold may be picked after the fact.",
    "distribution_accuracy": "exact, of audited models as independent trainings; an accuracy w counts as 1 - w where that is more.",
    "n_leaked": "the exact number of draws at both ends of the accuracy's interval.",
    "group": "Clopper-Pearson for the number of independent outcomes that the group's records are worth.",
}

SOURCES = {
    "claim": "one_run: Steinke, Nasr and Jagielski, NeurIPS 2023; Clopper and Pearson 1934; the curve test: see docs/estimators.md.",
    "claim_epsilon": "the audit's config and accountant.",
    "epsilon_lower": "Steinke, Nasr and Jagielski, NeurIPS 2023; Clopper and Pearson 1934.",
    "auc": "Birnbaum and Klose 1957; van Dantzig 1951; Wilson 1927.",
    "tpr_at_fpr": "Carlini et al., IEEE S&P 2022 (the quantity); Wilks 1941; Clopper and Pearson 1934.",
    "advantage": "Yeom et al., CSF 2018 (the quantity); Dvoretzky, Kiefer and Wolfowitz 1956 with Massart's constant 1990.",
    "distribution_accuracy": "Suri and Evans, PETS 2022 (the game); Clopper and Pearson 1934; Hoeffding 1956.",
    "n_leaked": "Suri and Evans, PETS 2022.",
    "group": "Korn and Graubard 1998.",
    "baseline": (
        "each difference has an interval from the intervals of both audits (square and add: Newcombe 1998, Donner and Zou "
        "2012); that of epsilon from their ends. A difference that chance may explain does not fail."
    ),
}

REQUIREMENTS = {
    "require.ceiling": "the largest epsilon that the primary bound could have shown, had every guess been right.",
    "require.control": "whether the same attack shows more than the claim where noise and clipping are off.",
    "require.max_age_days": "the days since the audit was finished, from timings.json beside the report (a report holds no clock).",
}

LEAK_LESS = "the model must leak less; a larger audit only makes the number surer."

WHAT_TO_DO = {
    ("claim", "fail"): "look for the error in the training code or the accounting; more data do not mend it.",
    ("claim", "inconclusive"): "an audit that could have shown more than the claim, with a control that does.",
    ("claim_epsilon", "fail"): "train with a smaller epsilon, or mend what the audit contradicts.",
    ("claim_epsilon", "inconclusive"): "train with DP-SGD: without a claim there is nothing to limit.",
    ("epsilon_lower", "fail"): LEAK_LESS,
    (
        "epsilon_lower",
        "inconclusive",
    ): "a claim at or below the limit, which an audit could have contradicted and did not.",
    ("baseline", "fail"): "the model must leak less, or, where that is accepted, the baseline must be a newer report.",
    ("baseline", "inconclusive"): "audits of both models made in the same way, large enough to tell; see above.",
    ("require.ceiling", "inconclusive"): "a larger audit, as said above.",
    ("require.control", "inconclusive"): "a control that shows more than the claim, as said above.",
    ("require.max_age_days", "inconclusive"): "a fresh audit, with its timings.json beside report.json.",
}
