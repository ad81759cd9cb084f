"""Which colour a name has, the same everywhere, and whether a terminal shows colours at all.

Knows no terminal's codes: colours are named as click names them.
"""

from collections.abc import Mapping

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


def name_colour(name: str) -> str:
    """The colour of a user's name."""
    return _COLOURS[sum(name.encode(errors="replace")) % len(_COLOURS)]


def wants_colour(environment: Mapping[str, str]) -> bool:
    """Whether colours are shown on a terminal; see no-color.org."""
    return "NO_COLOR" not in environment and environment.get("TERM") != "dumb"
