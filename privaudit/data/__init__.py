"""Records, their sources, the seeds and the design: everything that is fixed before a model is trained."""

from privaudit.data.bundled import BUNDLED
from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.data.duplicates import draw_records, without_duplicates
from privaudit.data.sources import load_dataset

__all__ = [
    "BUNDLED",
    "Dataset",
    "dataset_from_arrays",
    "draw_records",
    "load_dataset",
    "make_design",
    "without_duplicates",
]
