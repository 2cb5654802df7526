"""Every registered attack, with the parameters that change what it does: what the tests of all attacks go through."""

from privaudit.registry import list_methods

VARIANTS = {
    "lira": [{"variance": "per_record"}, {"variance": "pooled"}, {"mode": "offline"}, {"centre": "median"}],
    "rmia": [{"score": "log_ratio"}, {"score": "population_share"}, {"mode": "offline"}],
    "base": [{}, {"mode": "offline"}],
    "population": [{}, {"compared_with": "class"}],
    "reference": [{}, {"distribution": "rank"}],
    "modified_entropy": [{}, {"thresholds": "global"}],
    "nig": [{}, {"mode": "offline"}],
    "proxy": [{}, {"proxies": "class"}],
    "dhattack": [{}, {"calibration": "rank"}],
    "noise": [{}, {"level": 2}],
}
ATTACKS = [(method.name, params) for method in list_methods("attack") for params in VARIANTS.get(method.name, [{}])]
