"""Messages as Markdown: a heading a day, a paragraph a message, texts so that they are shown as they are.

Knows no file and no client.
"""

import re

from cnmessage_client.model import UNKNOWN, Message, MessageFile, Unknown
from cnmessage_client.shell.out.document import Copy, Days, about, clock
from cnmessage_client.shell.out.render import arrow_of
from cnmessage_client.shell.out.safe_text import safe_text

_MEANT = re.compile(
    r"[\\`*_\[\]<>&~|$^#]"
    r"|:(?=//)|(?<=www)\.",  # or an address would become a link, with the backslashes in it
    re.IGNORECASE,
)
_BEGINS = re.compile(r"[-+=]|(?<=[0-9])[.)]")
"""What makes a line something else than text, at its beginning or behind digits there."""

_SPACES = re.compile(r"^ +|(?<= ) +")
_NUMBERED = re.compile(r"[0-9]*")
_SPACE, _TAB = "&nbsp;", "&nbsp;" * 4
"""Spaces that are not taken together with those beside them."""


class Markdown:
    """One document."""

    def __init__(self) -> None:
        self._days = Days()

    def beginning(self, title: str) -> str:
        """The heading."""
        return f"# {literal(title)}\n"

    def entry(self, entry: Message | Unknown, copy: Copy | None) -> str:
        """A paragraph, with the heading of a new day before it."""
        day = self._days.new(entry)
        heading = "" if day is None else f"\n## {day}\n"
        return f"{heading}\n{clock(entry)} {_said(entry, copy)}\n"

    def end(self) -> str:
        """Nothing."""
        return ""


def literal(text: str) -> str:
    """Text of any lines as one paragraph, or the rest of one, that shows it as it is."""
    # A break before nothing would be a backslash.
    return "\\\n".join(map(_line, safe_text(text, lines=True).rstrip("\n").split("\n")))


def _line(text: str) -> str:
    digits = _NUMBERED.match(text)
    at = 0 if digits is None else digits.end()
    escaped = _MEANT.sub(r"\\\g<0>", text)
    if _BEGINS.match(escaped, at):
        escaped = f"{escaped[:at]}\\{escaped[at:]}"
    escaped = _SPACES.sub(lambda found: _SPACE * len(found[0]), escaped)
    return escaped.replace("\t", _TAB)


def _said(entry: Message | Unknown, copy: Copy | None) -> str:
    if isinstance(entry, Unknown):
        return f"*{UNKNOWN}*"
    offer = [] if entry.file is None else [_offer(entry.file, copy)]
    text = [literal(entry.body)] if entry.body or not offer else []
    return f"{literal(entry.sender + arrow_of(entry))}: " + "\\\n".join([*offer, *text])


def _offer(file: MessageFile, copy: Copy | None) -> str:
    name = literal(safe_text(file.name))
    shown = name if copy is None or copy.path is None else f"[{name}]({copy.link})"
    return f"\\[file\\] {shown}{literal(about(file, copy))}"
