"""Where the names of points stand so that none covers another."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Right, left, above, below and the four corners, near the point first; in points.
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
DISTANCES = (8, 14, 22, 32, 44, 58, 74, 92, 112)
CLEAR = 7.0  # of a line to a name from other points


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle.

    Attributes:
        left: smallest x.
        bottom: smallest y.
        right: largest x.
        top: largest y.
    """

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two share more than an edge.

        >>> Box(0, 0, 2, 2).overlaps(Box(1, 1, 3, 3)), Box(0, 0, 2, 2).overlaps(Box(2, 0, 3, 2))
        (True, False)
        """
        beside = self.right <= other.left or other.right <= self.left
        return not beside and self.bottom < other.top and other.bottom < self.top

    def holds(self, other: "Box") -> bool:
        """Whether the other lies wholly inside."""
        inside = self.left <= other.left and other.right <= self.right
        return inside and self.bottom <= other.bottom and other.top <= self.top


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    taken: Sequence[Box],
    inside: Box,
) -> tuple[Box | None, ...]:
    """Return a place for the name of every point, in the order given: the nearest that is free and nearest to its own point.

    Where every free place is nearer to another point, the first one to which a line can be drawn past all others.

    Args:
        points: x and y of each, in points.
        sizes: width and height of each name.
        taken: what no name may cover: markers and intervals.
        inside: what no name may leave.

    Returns:
        One rectangle per point, ``None`` where no place is free.

    >>> place_labels([(50, 50)], [(20, 10)], taken=[], inside=Box(0, 0, 100, 100))
    (Box(left=58.0, bottom=45.0, right=78.0, top=55.0),)
    """
    placed: list[Box | None] = []
    for place, ((x, y), (width, height)) in enumerate(zip(points, sizes, strict=True)):
        others = [*points[:place], *points[place + 1 :]]
        covered = [*taken, *(box for box in placed if box is not None)]
        free = [
            box
            for box in _candidates(x, y, width, height)
            if inside.holds(box) and not any(box.overlaps(other) for other in covered)
        ]
        own = (box for box in free if all(_gap(box, x, y) <= _gap(box, *other) for other in others))
        seen = (box for box in free if not any(_is_between(other, (x, y), box) for other in others))
        placed.append(next(own, None) or next(seen, None))
    return tuple(placed)


def nearest_corner(box: Box, x: float, y: float) -> tuple[float, float]:
    """Return the point of a rectangle, edges included, that lies nearest.

    >>> nearest_corner(Box(0, 0, 2, 2), 3, 1)
    (2, 1)
    """
    return min(max(x, box.left), box.right), min(max(y, box.bottom), box.top)


def _gap(box: Box, x: float, y: float) -> float:
    return math.dist(nearest_corner(box, x, y), (x, y))


def _is_between(other: tuple[float, float], point: tuple[float, float], box: Box) -> bool:
    """Whether a line from the point to its name passes another point closely."""
    end = nearest_corner(box, *point)
    length = math.dist(point, end)
    if length == 0.0 or other == point:
        return False
    along = sum((o - p) * (e - p) for o, p, e in zip(other, point, end, strict=True)) / length**2
    foot = tuple(p + min(max(along, 0.0), 1.0) * (e - p) for p, e in zip(point, end, strict=True))
    return math.dist(other, foot) < CLEAR


def _candidates(x: float, y: float, width: float, height: float) -> Iterator[Box]:
    for distance in DISTANCES:
        for right, up in DIRECTIONS:
            centre_x = x + right * (distance + width / 2)
            centre_y = y + up * (distance + height / 2)
            yield Box(centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2)
