"""A notification as a terminal takes it: its bell, and the escape sequence for a desktop notification.

Two sequences are in use: OSC 9 has a text, OSC 777 a title and a text. Which one a terminal knows is read off
the environment: a question to the terminal would be answered among the keys. Pure. Nothing of a text can
leave its place in the sequence.
"""

from collections.abc import Mapping

from cnmessage_client.ringing import Notification
from cnmessage_client.shell.out.safe_text import safe_text

BELL = "\a"
_ESCAPE = "\x1b"
_END = f"{_ESCAPE}\\"

_BELL_ONLY = ("dumb", "unknown", "linux", "vt", "cons", "sun", "eterm", "emacs")
"""How TERM begins where an escape sequence that is not known may be shown as text."""

_WITH_TITLE = ("rxvt", "foot", "xterm-ghostty", "ghostty", "wezterm", "contour", "konsole", "gnome", "vte")
"""How TERM or TERM_PROGRAM begins where OSC 777 is known."""

_TITLE, _BODY = 60, 200
"""The most characters of each."""

_PIECE = 60
"""Characters that GNU screen passes on at once: 240 bytes at most, and it has room for 255."""


def sequence(notification: Notification, environment: Mapping[str, str]) -> str:
    """The bell, after the notification where the terminal of this environment may know how to show one."""
    term = environment.get("TERM", "").lower()
    if not term or term.startswith(_BELL_ONLY):
        return BELL
    return _through(_notify(notification, term, environment), term, environment) + BELL


def _notify(notification: Notification, term: str, environment: Mapping[str, str]) -> str:
    title, body = _field(notification.title, _TITLE), _field(notification.body, _BODY)
    names = (term, environment.get("TERM_PROGRAM", "").lower())
    known = any(name.startswith(_WITH_TITLE) for name in names)
    if known or environment.get("VTE_VERSION") or environment.get("KONSOLE_VERSION"):
        return f"{_ESCAPE}]777;notify;{title};{body}{BELL}"
    text = f"{title}: {body}" if body else title
    # ConEmu and its heirs take a number here for a command.
    return f"{_ESCAPE}]9;{text if text[:1].isalpha() else f'cnmessage: {text}'}{BELL}"


def _field(text: str, most: int) -> str:
    """A text of one line without a semicolon, which would end it, and not too long."""
    words = " ".join(safe_text(text).replace(";", ",").split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _through(text: str, term: str, environment: Mapping[str, str]) -> str:
    """The sequence as tmux and GNU screen pass it on to the terminal around them."""
    program = environment.get("TERM_PROGRAM", "").lower()
    if environment.get("TMUX") or term.startswith("tmux") or program == "tmux":
        return f"{_ESCAPE}Ptmux;{text.replace(_ESCAPE, _ESCAPE * 2)}{_END}"
    if environment.get("STY") or term.startswith("screen"):
        pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
        return "".join(f"{_ESCAPE}P{piece}{_END}" for piece in pieces)
    return text
