"""Machine: what a request will take, judged by what others of its kind took.

The order of turns needs to know it before: a user's first wide request is as wide as the tenth. A kind is a
verb and a size to the next power of two. Takes seconds; knows neither requests nor keys.
"""

GAIN = 0.2
"""How much the newest of a kind counts for what is expected of the next."""

MOST_KINDS = 1024
"""Kinds kept; there are fewer unless verbs are made up, and then all is learned anew."""

Kind = tuple[str, int]


def kind_of(verb: str, size: int) -> Kind:
    """The kind of a request of so many bytes."""
    return verb, size.bit_length()


UNKNOWN = 0.005
"""Seconds that the first of a kind is expected to take: what is known to be short goes before it."""


class Estimates:
    """Seconds by kind."""

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = {}

    def of(self, kind: Kind) -> float:
        """How long the next of this kind may take."""
        return self._seconds.get(kind, UNKNOWN)

    def learn(self, kind: Kind, seconds: float) -> None:
        """One of this kind took so long."""
        if len(self._seconds) >= MOST_KINDS and kind not in self._seconds:
            self._seconds.clear()
        before = self._seconds.setdefault(kind, seconds)
        self._seconds[kind] = before + (seconds - before) * GAIN
