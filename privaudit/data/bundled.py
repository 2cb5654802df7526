"""The data sets that come with privaudit; the table imports nothing heavy."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from privaudit.data.dataset import Dataset, dataset_from_arrays


def load_digits_dataset() -> Dataset:
    """Handwritten digits of scikit-learn: 8 x 8 grey values divided by 16, as 64 features."""
    from sklearn.datasets import load_digits  # imported here: listing data sets must stay cheap

    pixels, digits = load_digits(return_X_y=True)
    return dataset_from_arrays(pixels / 16.0, digits, name="digits")


def load_breast_cancer_dataset() -> Dataset:
    """Wisconsin breast cancer of scikit-learn: 30 features of zero mean and unit standard deviation."""
    from sklearn.datasets import load_breast_cancer

    content = load_breast_cancer()
    features = np.asarray(content.data, dtype=np.float64)
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    return dataset_from_arrays(standardised, content.target_names[content.target], name="breast_cancer")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledSource:
    """What is known of a bundled data set without loading it.

    Attributes:
        loader: ``module:function`` that loads it.
        description: one line.
        label: name of the label.
        groups: names of the group columns.
        columns: raw columns that may be dropped; none if empty.
        n_records: number of records.
        n_features: number of features.
        n_classes: number of classes.
    """

    loader: str
    description: str
    label: str
    groups: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    n_records: int
    n_features: int
    n_classes: int

    def load(self, drop: tuple[str, ...] = ()) -> Dataset:
        """Load the data set, without the raw columns ``drop``."""
        module, _, function = self.loader.partition(":")
        loader: Callable[..., Dataset] = getattr(importlib.import_module(module), function)
        return loader(drop=drop) if drop else loader()


BUNDLED = {
    "adult": BundledSource(
        loader="privaudit.data.adult:load_adult",
        description="Income above 50,000 dollars from census answers (UCI Adult, CC BY 4.0)",
        label="income",
        groups=("race", "sex"),
        columns=(
            "age",
            "education_num",
            "capital_gain",
            "capital_loss",
            "hours_per_week",
            "workclass",
            "education",
            "marital_status",
            "occupation",
            "relationship",
            "race",
            "sex",
            "native_country",
        ),
        n_records=42_468,
        n_features=107,
        n_classes=2,
    ),
    "breast_cancer": BundledSource(
        loader="privaudit.data.bundled:load_breast_cancer_dataset",
        description="Malignant or benign, from 30 measurements of cell nuclei (scikit-learn)",
        label="diagnosis",
        n_records=569,
        n_features=30,
        n_classes=2,
    ),
    "digits": BundledSource(
        loader="privaudit.data.bundled:load_digits_dataset",
        description="Handwritten digits, 8 x 8 grey values (scikit-learn)",
        label="digit",
        n_records=1_797,
        n_features=64,
        n_classes=10,
    ),
}
