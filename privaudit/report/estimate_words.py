"""What an estimate is called, what it was made from and how far it goes, in words."""

from privaudit.types import EpsilonEstimate

# Their bounds hold only if the rest of the mechanism is as stated; beside the claim they never stand without that word.
CONDITIONAL = {
    "noise_probe": "noise probe, conditional on rate and clip",
    "known_coin_step": "single steps, conditional on the rate",
}
GUESSES = (("n_canaries", "canaries"), ("n_guesses", "guesses"), ("n_correct", "right"))


def method_text(method: str) -> str:
    """Return an estimator's name, with its condition where it has one.

    >>> method_text("one_run"), method_text("known_coin_step")
    ('one_run', 'single steps, conditional on the rate')
    """
    return CONDITIONAL.get(method, method)


def validity_text(estimate: EpsilonEstimate) -> str:
    """Return how far an estimate can be trusted."""
    return "conditional" if estimate.method in CONDITIONAL else str(estimate.validity).replace("_", " ")


def confidence_text(confidence: float) -> str:
    """Return a confidence in so many digits that shares of an error can be told apart.

    >>> confidence_text(0.9775), confidence_text(0.95), confidence_text(1.0)
    ('97.75 %', '95 %', 'computed')
    """
    return "computed" if confidence == 1 else f"{100 * confidence:.4g} %"


def made_from(estimate: EpsilonEstimate, *, game: str = "canary") -> str:
    """Return the counts behind an estimate, and what became of those that do not count; "" where there are none.

    Args:
        estimate: the estimate.
        game: that was played; records of a membership audit have coins, and nobody planted them.
    """
    numbers = estimate.diagnostics
    if "n_coordinates" in numbers:
        return f"{numbers['n_coordinates']:g} coordinates x {numbers['steps']:g} steps"
    if "n_rounds" in numbers:  # bets; one canary is what a pair of runs has
        each = f", {numbers['n_canaries']:g} canaries each" if numbers["n_canaries"] > 1 else ""
        return f"{numbers['n_rounds']:g} pairs of runs{each}"
    if "n_canaries" in numbers:
        words = {"canaries": "canaries" if game == "canary" else "records with coins"}
        counts = ", ".join(f"{numbers[key]:g} {words.get(word, word)}" for key, word in GUESSES if key in numbers)
        return f"{counts}{_tied(estimate)}{_choosing(estimate)}"
    if estimate.method == "known_coin_step":
        return f"{estimate.n_in} steps with a canary, {estimate.n_out} without"
    if estimate.n_in is not None and estimate.n_out is not None:
        return f"{estimate.n_in} in, {estimate.n_out} out{_choosing(estimate)}"
    return ""


def _tied(estimate: EpsilonEstimate) -> str:
    n_tied = estimate.diagnostics.get("n_tied", 0)
    # At half the error ties are settled by the median over all orders, which the assumptions say.
    said = "" if "confidence_each" in estimate.diagnostics else ", counted as wrong where undecided"
    return f" ({n_tied:g} tied{said})" if n_tied else ""


def _choosing(estimate: EpsilonEstimate) -> str:
    n_chosen = estimate.diagnostics.get("n_chosen_on", 0)
    return f" ({n_chosen:g} others chose the threshold)" if n_chosen else ""
