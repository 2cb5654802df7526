"""From estimates of the ratio itself to a finding."""

from dataclasses import asdict

import numpy as np

from privaudit.estimators import n_leaked_bayes, n_leaked_cramer_rao
from privaudit.games.declared import declared_world_inputs
from privaudit.interfaces import DistributionAttack
from privaudit.pipeline.distribution.findings import params_of
from privaudit.pipeline.distribution.inputs import Said
from privaudit.types import Finding, Metric

ERROR_RULE = "mean over the victims of this ratio of the squared difference between estimated and true ratio"
MEAN_RULE = "mean of both: over all victims, every ratio with the same weight"
CRAMER_RAO_RULE = (
    "draws from which an unbiased estimator of this one ratio can be as precise, at best; an estimator that is drawn to the "
    "middle beats it there without having learned anything; not defined at 0 and 1"
)
BAYES_RULE = (
    "draws from which the best estimator, that knows these ratios and takes them as equally likely, has the measured error over "
    "all of them; a point without an interval, as the error is one"
)


def ratio_finding(attack: DistributionAttack, said: Said) -> Finding:
    """Let an attack estimate the ratio of every victim of all worlds but the control.

    Args:
        attack: answers ``ratio``.
        said: what all models said.
    """
    inputs, victims = said.over_ratios()
    design = said.worlds.design
    assert design.ratios is not None  # such attacks are refused where worlds are no ratios
    answer = attack.run(declared_world_inputs(attack, inputs))
    truth = np.asarray(design.ratios)[design.world[victims]]
    ratios = np.unique(truth).tolist()
    metrics, errors = [], []
    for ratio in ratios:
        estimates = answer.scores[truth == ratio]
        errors.append(float(((estimates - ratio) ** 2).mean()))
        metrics += [
            Metric(name="mean_estimate", at=ratio, value=float(estimates.mean())),
            Metric(name="mean_squared_error", at=ratio, value=errors[-1], rule=ERROR_RULE),
            Metric(
                name="n_leaked_cramer_rao", at=ratio, value=n_leaked_cramer_rao(ratio, errors[-1]), rule=CRAMER_RAO_RULE
            ),
        ]
    poison = {} if design.poison is None else {"poison": asdict(design.poison)}
    over_all = float(np.mean(errors))
    metrics += [
        Metric(name="mean_squared_error", value=over_all, rule=MEAN_RULE),
        Metric(name="n_leaked_bayes", value=n_leaked_bayes(over_all, ratios), rule=BAYES_RULE),
    ]
    return Finding(
        id=f"{attack.name}-ratios",
        method=attack.name,
        params={"n_shadows": len(inputs.shadow_world), "ratios": ratios, **poison, **params_of(attack)},
        game=attack.game,
        access=attack.access,
        unit="model",
        n_out=len(victims),
        metrics=tuple(metrics),
        notes=answer.notes,
    )
