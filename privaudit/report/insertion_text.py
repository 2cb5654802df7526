"""What an insertion of canaries did, as a person or a script reads it."""

import json
from typing import Literal

from privaudit.data.insert_canaries import Insertion


def insertion_text(done: Insertion, output_format: Literal["text", "json"] = "text") -> str:
    """Say what was written and what to do next; how many canaries are in stays with the coins.

    Args:
        done: the insertion.
        output_format: ``text`` or ``json``.
    """
    files = {"data": str(done.data), "canaries": str(done.canaries), "coins": str(done.coins)}
    if output_format == "json":
        return json.dumps({"kind": done.kind, "n_canaries": done.n_canaries, **files}, indent=1)
    return (
        f"{done.n_canaries} canaries ({done.kind}), each with a fair coin of its own; those whose coin fell on 1 stand among "
        f"the rows of {done.data}.\n"
        f"1. Train once on {done.data}, and drop no row as a duplicate or outlier.\n"
        "   Sample rate and batch size must come from a public number of records: this file's length depends on the coins.\n"
        f"2. Score every canary of {done.canaries} with the model; its `canary` is a key and no feature. Write `canary` and\n"
        "   `score`, higher = more member-like.\n"
        f"3. privaudit canaries evaluate --coins {done.coins} --scores SCORES\n"
        "   With --control-scores, of one more training on the same file with noise 0, a claim can be found consistent, too.\n"
        f"Keep {done.coins} away from training and scoring: whoever knows the coins can make any score."
    )
