"""Which colour a name has, everywhere and always the same, and whether this terminal shows colours at all.

Knows no terminal's codes: colours are named as click names them. Called by render.py and the chat's theme.py.
"""

from collections.abc import Mapping

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


def name_colour(name: str) -> str:
    """The colour of a user's name."""
    return _COLOURS[sum(name.encode(errors="replace")) % len(_COLOURS)]


def wants_colour(environment: Mapping[str, str]) -> bool:
    """Whether colours are shown on a terminal; see no-color.org."""
    return "NO_COLOR" not in environment and environment.get("TERM") != "dumb"
