"""Read-only arrays for frozen dataclasses."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def set_array(owner: object, name: str, values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Store ``values`` under ``name`` on a frozen dataclass as an array that nobody can write to."""
    array = np.asarray(values, dtype=dtype)
    if array.flags.writeable:  # never freeze, nor keep a writeable view of, the caller's array
        array = array.copy()
        array.flags.writeable = False
    object.__setattr__(owner, name, array)
    return array
