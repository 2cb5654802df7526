"""Holds the toolkit's attacks to what they declare: their game, their access, the signals and fields that they read.

An attack says which game it plays (``game``), what it sees of the model (``access``), which signals it reads (``signals``)
and which fields of the records (``record_fields``: ``label``, ``groups``, ``features``; ``is_population``, which is part of
the design, is declared but not withheld). What it does not say, `run_declared` does not hand out. A member that an
attack lacks declares nothing; without ``game`` and ``access`` it plays membership on scores.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import UndeclaredUseError
from privaudit.games.catalog import GAMES
from privaudit.games.game import Game
from privaudit.interfaces import Attack, AuditInputs, DistributionAttack
from privaudit.types import AttackResult, AuditDesign, SignalTable, WorldInputs
from privaudit.types.design import Access
from privaudit.validate import nearest

# signals that take more than hard labels of the target; of those of `privaudit.scoring.signals` all the others do with labels
SCORE_SIGNALS = frozenset(
    {
        "logit_margin",
        "negative_loss",
        "negative_loss_t2",
        "negative_log_modified_entropy",
        "negative_loss_trace",
        "augmented_logit_margin",
        "averaged_logit_margin",
    }
)


def declared_game(attack: Attack | DistributionAttack) -> Game:
    """Return the game that an attack declares, with its access.

    Args:
        attack: with ``game`` and ``access``.

    Raises:
        UndeclaredUseError: if there is no such game, it is not played with this access, or an attack that sees labels alone
            reads a signal made of scores.
    """
    check_declaration(attack)
    return GAMES[getattr(attack, "game", "membership")].with_access(_access(attack))


def check_declaration(attack: Attack | DistributionAttack) -> None:
    """Refuse an attack whose declaration contradicts itself.

    Args:
        attack: with ``game`` and ``access``.

    Raises:
        UndeclaredUseError: as `declared_game`.
    """
    name, game, access = _name(attack), getattr(attack, "game", "membership"), _access(attack)
    if game not in GAMES:
        raise UndeclaredUseError(
            f"attack {name} must declare one of the games {', '.join(GAMES)}; got {game!r}.{nearest(str(game), GAMES)}"
        )
    if access not in GAMES[game].accesses:
        raise UndeclaredUseError(
            f"attack {name}: the game {game} is played with access {' or '.join(GAMES[game].accesses)}; got {access!r}."
        )
    scores = sorted(_base(signal) for signal in _signals(attack) if _base(signal) in SCORE_SIGNALS)
    if access == "label" and scores:
        raise UndeclaredUseError(
            f"attack {name} declares access label, and reads {scores[0]}, which is made of scores. Declare access score, or "
            "read hard labels."
        )


class DeclaredInputs(AuditInputs):
    """The inputs of an audit, of which one attack is given what it declared."""

    __slots__ = ("_all", "_attack")

    def __init__(self, attack: Attack, inputs: AuditInputs) -> None:
        """Keep the attack and the inputs."""
        object.__setattr__(self, "_attack", attack)
        object.__setattr__(self, "_all", inputs)  # where these are guarded, too, both declarations hold

    _attack: Attack
    _all: AuditInputs

    @property
    def design(self) -> AuditDesign:
        """The design."""
        return self._all.design

    @property
    def usable(self) -> NDArray[np.int64]:
        """The usable models."""
        return self._all.usable

    @property
    def labels(self) -> NDArray[np.int64]:
        """Classes, of an attack that declares ``label``."""
        _check_field(self._attack, "label")
        return self._all.labels

    @property
    def groups(self) -> Mapping[str, NDArray[np.str_]]:
        """Groups, of an attack that declares ``groups``."""
        _check_field(self._attack, "groups")
        return self._all.groups

    @property
    def features(self) -> NDArray[np.float32] | None:
        """Features, of an attack that declares ``features``."""
        _check_field(self._attack, "features")
        return self._all.features

    @property
    def signals(self) -> Mapping[str, SignalTable]:
        """The declared signals."""
        return _DeclaredSignals(self._attack, self._all.signals)

    def signal(self, name: str) -> SignalTable:
        """Return a declared signal, as `AuditInputs.signal` does."""
        _check_signal(self._attack, name)
        return self._all.signal(name)

    def restricted_to(self, models: Sequence[int] | NDArray[np.int64]) -> "DeclaredInputs":
        """Return the same inputs with fewer usable models."""
        return DeclaredInputs(self._attack, self._all.restricted_to(models))


class _DeclaredSignals(Mapping[str, SignalTable]):
    """Signals by name; asking for an undeclared one is an error, not its absence."""

    def __init__(self, attack: Attack, signals: Mapping[str, SignalTable]) -> None:
        self._attack, self._signals = attack, signals

    def __getitem__(self, name: str) -> SignalTable:
        _check_signal(self._attack, name)
        return self._signals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._signals and name in _signals(self._attack)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._signals if name in _signals(self._attack))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def declared_inputs(attack: Attack, inputs: AuditInputs) -> AuditInputs:
    """Return inputs that give an attack what it declares and nothing else.

    Args:
        attack: with its declarations.
        inputs: everything that was measured.

    Raises:
        UndeclaredUseError: if the declaration contradicts itself; later, when something undeclared is looked at.
    """
    check_declaration(attack)
    return DeclaredInputs(attack, inputs)


def run_declared(attack: Attack, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
    """Run an attack on what it declares.

    Args:
        attack: the attack.
        inputs: everything that was measured.
        targets: numbers of the models to attack.

    Raises:
        UndeclaredUseError: if the attack looks at what it did not declare.
    """
    return attack.run(declared_inputs(attack, inputs), targets=targets)


def declared_world_inputs(attack: DistributionAttack, inputs: WorldInputs) -> WorldInputs:
    """Return the worlds as an attack on the distribution declares to see them.

    With access ``label`` it sees no probabilities, and only with ``white_box`` those signals of the victims' weights that it
    declares.

    Args:
        attack: with ``game`` and ``access``.
        inputs: shadows and victims.

    Raises:
        UndeclaredUseError: if its game is not about a law, or nothing that its access needs is there.
    """
    check_declaration(attack)
    if GAMES[attack.game].target != "law":
        raise UndeclaredUseError(f"attack {_name(attack)} must declare a game about a law; got {attack.game}.")
    if attack.access == "label":
        return inputs.without_probabilities()
    if inputs.victims is None:
        raise UndeclaredUseError(
            f"attack {_name(attack)} declares access {attack.access}; the victims give labels alone. Take an attack that does with "
            "them."
        )
    seen = _signals(attack) if attack.access == "white_box" else frozenset()
    return inputs.with_signals(seen) if inputs.victim_signals else inputs


def _name(attack: Any) -> str:
    return str(getattr(attack, "name", type(attack).__name__))


def _access(attack: Any) -> Access:
    access: Access = getattr(attack, "access", "score")
    return access


def _signals(attack: Any) -> frozenset[str]:
    return frozenset(getattr(attack, "signals", ()))


def _base(signal: str) -> str:
    return signal.partition("@")[0]  # what follows says with which settings


def _check_field(attack: Any, field: str) -> None:
    fields = sorted(getattr(attack, "record_fields", ()))
    if field not in fields:
        raise UndeclaredUseError(
            f"attack {_name(attack)} looks at {field}, and declares the record fields {', '.join(fields) or 'none'}. Add {field} to "
            "its record_fields."
        )


def _check_signal(attack: Any, name: str) -> None:
    if name not in _signals(attack):
        raise UndeclaredUseError(
            f"attack {_name(attack)} reads signal {name}, and declares {', '.join(sorted(_signals(attack))) or 'none'} with access "
            f"{_access(attack)}. Add {name} to its signals, or leave it alone."
        )
