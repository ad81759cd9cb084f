"""How an entry looks in the full screen: rows of looks and texts, none wider than the screen.

Pure: an entry, a width and a theme make rows. Text of others passes safe_text here, and each row of a
message after its first stands under its text, so that none can be taken for another line.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from cnmessage_client.chat.screen.ansi import printed_lines
from cnmessage_client.chat.screen.cells import MOST_MARKS, Fragment, Row, cells, cut, tame, wrap
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.talk.entries import (
    Entry,
    Mark,
    Note,
    Output,
    Preview,
    Pushed,
    Rule,
    Said,
    Trouble,
    Typed,
)
from cnmessage_client.chat.wording import content, offer, shows_recipients
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.conversation import Conversation, on_screen

_INDENT = 6
"""Of the rows after the first, when the names before the text take more than half the row."""

_NOTE_INDENT = 2
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NEW = "new"


def draw(entry: Entry, width: int, theme: Theme, conversation: Conversation | None = None) -> list[Row]:
    """The rows of an entry in the view of a conversation, which own messages to it need not name."""
    match entry:
        case Said(unknown=True) as said:
            return _plain(f"{said.time.astimezone():%H:%M} {content(said)}", width, theme.dim)
        case Said():
            return _said(entry, width, theme, conversation)
        case Preview(said) if said.mark is Mark.FAILED:  # why, and what can be done, has to be seen
            return _said(said, width, theme, conversation)
        case Preview(said) if said.unknown:
            return draw(said, width, theme, conversation)
        case Preview(said):
            mark = _mark(said, theme)
            room = width - cells(mark[1]) - 1 if mark[1] else width
            text = (theme.dim, cut(_preview(said, entry.count, width), room))
            return [[text, ("", " "), mark] if mark[1] else [text]]
        case Note(text):
            return _plain(text, width, theme.dim)
        case Pushed():
            return _plain(entry.text, width, theme.dim)
        case Trouble(text):
            return _plain(text, width, theme.trouble)
        case Rule(label):
            return [_rule(label, width, theme)]
        case Typed(prompt, text):
            return _hanging([(theme.dim, tame(safe_text(prompt)))], text, width, theme.dim)
        case Output(text):
            return [
                row
                for line in printed_lines(text, colour=theme.colour)
                for row in wrap(line, width, indent=0)
            ]


def day_rule(entries: Sequence[Entry], place: int, today: date) -> Rule | None:
    """The rule above the entry at `place`: for a message of another day than the one before it.

    The first one has a rule if it is not of today. None where the talk has put a rule there itself.
    """
    said = entries[place]
    above = range(place - 1, -1, -1)
    if not isinstance(said, Said) or any(_is_day(entries[at]) for at in above[:2]):
        return None
    before = next((each for at in above if isinstance(each := entries[at], Said)), None)
    day = _day(said)
    return None if day == (today if before is None else _day(before)) else _rule_of(day)


@lru_cache(64)  # one and the same each time, so that it is drawn once
def _rule_of(day: date) -> Rule:
    return Rule(day.isoformat())


def _is_day(entry: Entry) -> bool:
    return isinstance(entry, Rule) and _DAY.fullmatch(entry.label) is not None


def _day(said: Said) -> date:
    return said.time.astimezone().date()


def _said(said: Said, width: int, theme: Theme, conversation: Conversation | None) -> list[Row]:
    head: Row = [(theme.dim, f"{said.time.astimezone():%H:%M} "), _name(said.sender, theme)]
    if shows_recipients(said, conversation):
        head.append((theme.dim, " → "))
        for each in said.to:
            head += [_name(on_screen(each), theme), ("", ", ")]
        head.pop()
    head.append(("", ": "))
    return _hanging(head, content(said), width, tail=_failure(said, theme), mark=_mark(said, theme))


def _name(name: str, theme: Theme) -> Fragment:
    return theme.name(name), tame(safe_text(name))


def _failure(said: Said, theme: Theme) -> Row:
    """What is wrong, behind the text, and what can be done."""
    if said.mark is not Mark.FAILED:
        return []
    reason = tame(safe_text(said.reason))
    text = f"{said.mark.value} {reason} · /retry" if reason else f"{said.mark.value} /retry"
    return [("", " "), (theme.trouble, text)]


def _mark(said: Said, theme: Theme) -> Fragment:
    """All of one width, so that no text moves when a mark changes."""
    if said.mark is None or said.mark is Mark.FAILED:
        return "", ""
    return theme.dim, said.mark.value.ljust(len(Mark.DELIVERED.value))


def _hanging(
    head: Row, text: str, width: int, style: str = "", *, tail: Row | None = None, mark: Fragment = ("", "")
) -> list[Row]:
    """A text of several lines under each other behind its head."""
    indent = sum(cells(part) for _, part in head)
    if indent > width // 2:
        indent = min(_INDENT, width // 4)
    first, *others = safe_text(text, lines=True).split("\n")
    lines: list[Row] = [
        [*head, (style, tame(first))],
        *([("", " " * indent), (style, tame(line))] for line in others),
    ]
    last = [*lines.pop(), *(tail or [])]
    return [row for line in lines for row in wrap(line, width, indent)] + wrap(last, width, indent, mark)


def _plain(text: str, width: int, style: str) -> list[Row]:
    return [
        row
        for line in safe_text(text, lines=True).split("\n")
        for row in wrap([(style, tame(line))], width, _NOTE_INDENT)
    ]


def _preview(said: Said, count: int, width: int) -> str:
    to = f" → {', '.join(map(on_screen, said.to))}" if shows_recipients(said, None) else ""
    who = f"{said.sender}{to}: "
    if count > 1:
        everyone = said.kind == "broadcast"
        last = f"last {said.sender}" if everyone else "last"
        who = f"{on_screen(said.to[0]) if everyone else said.sender}: {count:,} new, {last}: "
    file = "" if said.file is None else f"{offer(said)} "
    body = said.body[: width * (MOST_MARKS + 2)]  # more cannot be seen
    return tame(safe_text(f"{said.time.astimezone():%H:%M} » {who}{file}{body}"))


def _rule(label: str, width: int, theme: Theme) -> Row:
    text = cut(f"── {tame(safe_text(_spelled(label)))} ", width)
    return [(theme.fresh if label == _NEW else theme.dim, text + "─" * (width - cells(text)))]


def _spelled(label: str) -> str:
    """A day in full; every other label as it is."""
    if not _DAY.fullmatch(label):
        return label
    try:
        day = date.fromisoformat(label)
    except ValueError:
        return label
    return f"{day:%A} {day.day} {day:%B %Y}"
