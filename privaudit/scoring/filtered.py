"""What users of a model see of its answers when a filter stands between."""

import zlib

import numpy as np
from numpy.typing import NDArray

from privaudit.data.seeds import stream_seed
from privaudit.defenses.base import KeyedDefense, OutputDefense
from privaudit.defenses.query_noise import keyed_normals, query_keys
from privaudit.numerics import log_sum_exp, two_class_logits

STREAM = "output_filter"


class FilteredAnswers:
    """Turns a model's logits into what its users see, with random numbers of the model's own.

    A filter that draws once per query answers the same question in the same way in every reading. One that draws anew
    starts from the reading's own generator, so that a reading taken up again comes out as it was.

    Args:
        release: the filter.
        seed: the audit's root seed.
        number: of the model.
        reading: what is read, e.g. the name of a signal; each reading draws its own numbers.

    >>> from privaudit.defenses.temperature import Temperature
    >>> answers = FilteredAnswers(Temperature(value=2.0), seed=0, number=0, reading="record")
    >>> answers.logits(np.array([[4.0, 0.0]]), np.zeros((1, 3), dtype=np.float32)).round(4).tolist()
    [[-0.1269, -2.1269]]
    """

    def __init__(self, release: OutputDefense, *, seed: int, number: int, reading: str) -> None:
        """Start with nothing asked."""
        model = stream_seed(seed, STREAM, number)
        self._release = release
        self._secret = model.generate_state(8, dtype=np.uint64).tobytes()
        word = zlib.crc32(reading.encode())
        own = np.random.SeedSequence(entropy=model.entropy, spawn_key=(*model.spawn_key, word))
        self._rng = np.random.default_rng(own)

    def probabilities(self, logits: NDArray[np.floating], queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what is let out.

        Args:
            logits: ``(n, n_classes)`` of the model, or ``(n, 1)`` for one output.
            queries: ``(n, ...)`` what the model was shown.

        Returns:
            ``(n, n_classes)`` float64, two columns for a model with one output.

        Raises:
            DataError: if a logit is NaN or infinite.
        """
        columns = two_class_logits(logits)
        shares = np.exp(columns - log_sum_exp(columns, axis=1)[:, None])  # NaN where a logit is: the filter refuses it
        if isinstance(self._release, KeyedDefense) and self._release.is_keyed:
            draws = keyed_normals(query_keys(queries, self._secret), columns.shape[1])
            return self._release.release_with(shares, draws)
        return self._release.release(shares, self._rng)

    def logits(self, logits: NDArray[np.floating], queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logarithms of what is let out, which readers use as logits.

        Args:
            logits: ``(n, n_classes)`` of the model, or ``(n, 1)`` for one output.
            queries: ``(n, ...)`` what the model was shown.
        """
        return np.asarray(np.log(np.maximum(self.probabilities(logits, queries), self._release.least)))

    def labels(self, logits: NDArray[np.floating], queries: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the class of the largest probability that is let out, the first one at a tie.

        Args:
            logits: ``(n, n_classes)`` of the model, or ``(n, 1)`` for one output.
            queries: ``(n, ...)`` what the model was shown.
        """
        return np.asarray(self.probabilities(logits, queries).argmax(axis=1), dtype=np.int64)
