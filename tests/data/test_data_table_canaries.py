import numpy as np
import pytest

from privaudit.data.table_canaries import make_table_canaries
from privaudit.errors import ConfigError, DataError


def test_random_rows_take_each_cell_from_its_own_column():
    table = {
        name: np.array(list(cells), dtype=object) for name, cells in {"a": "aabc", "b": "xyzz", "c": "0101"}.items()
    }
    made = make_table_canaries("random", table=table, label="c", n_canaries=10, seed=0)
    assert list(made) == ["a", "b", "c"]
    for name, cells in made.items():
        assert set(cells) <= set(table[name])
    assert len(set(zip(*made.values(), strict=True))) == 10
    with pytest.raises(DataError, match="canaries are copies of others"):
        make_table_canaries("random", table=table, label="c", n_canaries=19, seed=0)  # 18 combinations
    with pytest.raises(ConfigError, match="Did you mean random"):
        make_table_canaries("radnom", table=table, label="c", n_canaries=1, seed=0)
