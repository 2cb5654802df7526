"""The KDD census income data, which the package does not hold: records without repeats, by sex or by race.

US Census Bureau, UCI Machine Learning Repository, https://doi.org/10.24432/C5N30T, licensed under CC BY 4.0.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from privaudit.data.adult import one_hot
from privaudit.errors import ConfigError, DataError
from privaudit.studies.distribution.population import Population, standardised

if TYPE_CHECKING:
    import pandas as pd

FILE = "kdd_census_income.parquet"
NUMERIC = ("age", "num_employer_workers", "weeks_worked")
MONEY = ("wage_per_hour", "capital_gains", "capital_losses", "dividends")  # their logarithms: a few are very large
CATEGORICAL = (
    "class_of_worker",
    "education",
    "marital_status",
    "major_industry",
    "major_occupation",
    "race",
    "sex",
    "tax_filer_status",
    "household_summary",
    "employment_status",
    "citizenship",
    "own_business",
)
LABEL, POSITIVE = "income", "50000+."
PROPERTIES = {"sex": ("women", "Female", True), "race": ("people who are not White", "White", False)}


def census_populations(data_dir: Path | None) -> dict[str, Population]:
    """Read the records, and return a population for each property; all share their features.

    Args:
        data_dir: folder of the file.

    Raises:
        ConfigError: if the file is not there.
        DataError: if a column is missing, or the table cannot be read.
    """
    return populations_of(read_census(data_dir))


def read_census(data_dir: Path | None) -> "pd.DataFrame":
    """Read the columns in use, without repeats among them.

    Args:
        data_dir: folder of the file.

    Raises:
        ConfigError: if the file is not there.
        DataError: if a column is missing, or the table cannot be read.
    """
    path = check_census(data_dir)
    import pandas as pd

    columns = [*NUMERIC, *MONEY, *CATEGORICAL, LABEL]
    try:
        return pd.read_parquet(path, columns=columns).drop_duplicates(keep="first", ignore_index=True)
    except Exception as error:
        raise DataError(f"{path} must be the KDD census table with {len(columns)} columns; {error}.") from error


def check_census(data_dir: Path | None) -> Path:
    """Return the path of the file.

    Args:
        data_dir: its folder.

    Raises:
        ConfigError: if it is not there.
    """
    if data_dir is None or not (data_dir / FILE).is_file():
        where = "no folder was given" if data_dir is None else f"there is none in {data_dir}"
        raise ConfigError(
            f"this study needs {FILE}, which is not bundled; {where}. Name its folder by --data-dir or the variable "
            "PRIVAUDIT_DATA; the study distribution needs no file.",
            key="data_dir",
        )
    return data_dir / FILE


def populations_of(table: "pd.DataFrame") -> dict[str, Population]:
    """Turn the table into features, classes and properties.

    Args:
        table: distinct records.
    """
    numbers = table[list(NUMERIC)].to_numpy(dtype=np.float64)
    money = np.log1p(table[list(MONEY)].to_numpy(dtype=np.float64))
    blocks = [standardised(numbers), standardised(money)]
    blocks += [standardised(_categories(table[name].to_numpy(dtype=np.str_))) for name in CATEGORICAL]
    features = np.hstack(blocks)
    labels = (table[LABEL].to_numpy(dtype=np.str_) == POSITIVE).astype(np.int64)
    found = {}
    for column, (words, value, is_value) in PROPERTIES.items():
        has_property = (table[column].to_numpy(dtype=np.str_) == value) == is_value
        found[column] = Population("KDD census", words, features, labels, has_property)
    return found


def _categories(values: NDArray[np.str_]) -> NDArray[np.float32]:
    names, codes = np.unique(values, return_inverse=True)
    return one_hot(codes, len(names)).astype(np.float32)
