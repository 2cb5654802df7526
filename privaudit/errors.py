"""Every error that privaudit raises on purpose.

::

    PrivauditError
    ├─ ConfigError(ValueError)        a bad option, audit config or policy; carries the key path
    ├─ DataError(ValueError)          the data cannot be audited
    │  ├─ ShapeError                  arrays that do not fit together
    │  ├─ DegenerateScoresError       NaN scores, or only members or only non-members
    │  └─ UnknownNameError            a config names a column, label or group that the data have not; a ConfigError, too
    ├─ ClaimError(ValueError)         a claim is missing, or its neighbouring relation contradicts the game
    ├─ UnsupportedError               a valid request that this piece cannot serve
    │  ├─ MissingSignalError          a signal that was not collected
    │  ├─ QueryBudgetError            a label oracle was asked for more queries than it may answer
    │  └─ UndeclaredUseError          an adversary or attack looked at what it did not declare
    ├─ TrainingError                  shadow models diverged or died
    └─ StoreError                     the files of an audit
       ├─ CorruptStoreError           a damaged or truncated file
       └─ StoreVersionError           files of another data set, recipe, design, library or schema version

The message of each says what was expected, what came and what to do.
"""

from collections.abc import Sequence


class PrivauditError(Exception):
    """Base of every error that privaudit raises on purpose."""


class ConfigError(PrivauditError, ValueError):
    """A bad option, audit config or policy file.

    Attributes:
        key: the path of the key that is wrong (``"recipe.dp.delta"``), or ``None``.
    """

    def __init__(self, message: str, *, key: str | None = None) -> None:
        """Keep the key path beside the message."""
        super().__init__(message)
        self.key = key


class DataError(PrivauditError, ValueError):
    """The data cannot be audited as they are."""


class ShapeError(DataError):
    """Arrays whose shapes do not fit together."""


class DegenerateScoresError(DataError):
    """Scores that no curve can be drawn from: NaN, or records of one world only."""


class UnknownNameError(ConfigError, DataError):
    """A config names a column, a label or a group that the data do not have."""


class ClaimError(PrivauditError, ValueError):
    """A claim is missing, or its neighbouring relation contradicts that of an estimate."""


class UnsupportedError(PrivauditError):
    """A valid request that this piece cannot serve."""


class MissingSignalError(UnsupportedError):
    """An attack asks for a signal that was not collected."""


class QueryBudgetError(UnsupportedError):
    """A record would go beyond its budget of queries."""


class UndeclaredUseError(UnsupportedError):
    """An adversary or attack looks at what its game does not give, or what it did not declare."""


class TrainingError(PrivauditError):
    """Shadow models diverged or died.

    Attributes:
        models: the numbers of the models concerned.
    """

    def __init__(self, message: str, *, models: Sequence[int] = ()) -> None:
        """Keep the model numbers beside the message."""
        super().__init__(message)
        self.models = tuple(models)


class StoreError(PrivauditError):
    """Something is wrong with the files of an audit."""


class CorruptStoreError(StoreError):
    """A file of an audit is damaged or truncated."""


class StoreVersionError(StoreError):
    """The files belong to another data set, recipe, design, library or schema version."""
