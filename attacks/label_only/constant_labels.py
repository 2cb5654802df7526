"""Says so where a target's labels can tell nothing apart: it answers one class whatever it is shown."""

import numpy as np
from numpy.typing import ArrayLike

ADVICE = "no label-only attack can tell its records apart. Check that it was trained, and that queries are scaled alike"


def constant_note(correct: ArrayLike, labels: ArrayLike) -> tuple[str, ...]:
    """Return a note if all records that the target classifies correctly are of one class, or there are none.

    Args:
        correct: ``(n_records,)`` 1 where the target predicts the record's class, else 0.
        labels: ``(n_records,)`` true classes; with a single class among them only an all-correct target is noted.

    Returns:
        one sentence, or nothing.

    >>> constant_note([0, 1, 0, 1], [2, 3, 0, 3])[0][:50]
    'the target answers class 3 to every record, as far'
    >>> constant_note([0, 1, 1, 1], [2, 3, 0, 3])
    ()
    """
    is_right, classes = np.asarray(correct) > 0, np.asarray(labels)
    found = np.unique(classes[is_right])
    if not len(found):
        return (f"the target classifies none of the {len(classes):,} records correctly: {ADVICE}",)
    if len(found) > 1:
        return ()
    if (is_right == (classes == found[0])).all():
        return (f"the target answers class {int(found[0])} to every record, as far as can be seen: {ADVICE}",)
    if (classes == found[0]).all():
        return ()
    n_right = f"{int(is_right.sum()):,} of {len(classes):,}"
    return (
        f"the target answers no class but {int(found[0])} correctly ({n_right} records are of it and right): {ADVICE}",
    )
