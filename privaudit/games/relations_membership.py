"""Membership against attribute inference: R6 and R7. (R2 and R4 leave the numbers as they are.)

Derived here. R2: whoever knows less, or is tested on a random record instead of the worst one, has no larger advantage,
if both games use the same relation between neighbours: the advantage is a mean over what is left to chance, and no mean
exceeds the worst case. A random member against a fresh draw from the law is one record replaced. R4: what a label says
can be computed from probabilities, these from weights, these from all steps of training; so the best attacker who sees
more has no smaller advantage. That says nothing about one attack on labels and one on scores.
"""

from privaudit.games.relations_group import check_steps
from privaudit.games.relations_guarantee import check_share


def membership_advantage_of_attribute(attribute_advantage: float) -> float:
    """Return the membership advantage of "a member if and only if the inferred attribute is right" (R6).

    Given (v, s), infer s from v and the model. TPR is the share of right inferences on members, FPR the one on fresh
    records; their difference is how the advantage of attribute inference is defined. The shares themselves follow from no
    membership bound: an attribute that v tells is inferred without any model.

    Args:
        attribute_advantage: share right on members less share right on fresh records.

    Returns:
        the same number.

    Raises:
        ConfigError: if it is out of range.

    Source: derived here.

    >>> membership_advantage_of_attribute(0.25)
    0.25
    """
    return check_share("attribute_advantage", attribute_advantage)


def attribute_advantage_by_guessing(membership_advantage: float, n_values: int) -> float:
    """Return the attribute advantage of guessing a value at random and asking whether that record is a member (R7).

    The attacker answers with the value where it is told "member", and abstains (which is never right) otherwise: it is
    right on a member with chance TPR / m, on a fresh record with FPR / m. It must be allowed to abstain: a model that
    publishes a hash of v gives membership away with advantage 1, yet an attacker who has to name one of m equally likely
    values is right in 1 / m of all cases, members or not. For the same reason this advantage need not be about the attribute.

    Args:
        membership_advantage: in [0, 1].
        n_values: equally likely guesses m, at least 1.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here.

    >>> attribute_advantage_by_guessing(0.5, 2)
    0.25
    """
    check_steps(n_values)
    return check_share("membership_advantage", membership_advantage) / n_values


def attribute_success_by_asking_all(tpr: float, twin_fpr: float, n_values: int) -> float:
    """Return the share of members whose attribute is right when every value is asked about (R7).

    The answer is right at least where the true candidate is called a member and no other one is. The rate of false alarms
    must be the one on twins of members, (v, s') for a member (v, s): a model that publishes a hash of v calls every twin a
    member and no fresh record.

    Args:
        tpr: share of members called members.
        twin_fpr: share of members' twins called members, for each other value at most this.
        n_values: values m, at least 1.

    Returns:
        at least this share, not less than 0.

    Raises:
        ConfigError: if one is out of range.

    Source: derived here: union bound.

    >>> round(attribute_success_by_asking_all(0.9, 0.05, 3), 6)
    0.8
    """
    check_steps(n_values)
    return max(0.0, check_share("tpr", tpr) - (n_values - 1) * check_share("twin_fpr", twin_fpr))
