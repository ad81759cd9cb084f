"""The status line of the full screen: connection, own name, what waits, what is unread, who is there.

Pure. When not all fits, names of the unread go first, then the end of the line.
"""

from cnmessage_client.chat.screen.cells import Row, cells, cut, tame
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.talk.status import Status
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.conversation import on_screen

_LOOK = "reverse"
_BETWEEN = " · "
_ONLINE = "online"


def status_line(status: Status, width: int, theme: Theme, below: int | None) -> Row:
    """One row over the whole width. `below` counts what came while one reads further up, else it is None."""
    scrolled = "" if below is None else f"↓ {below} new{_BETWEEN}" if below else f"↓ End: latest{_BETWEEN}"
    connection = tame(safe_text(status.connection))
    rest = _rest(status, width - 2 - cells(scrolled) - cells(connection))
    colour = theme.good if status.connection == _ONLINE else theme.trouble
    row: Row = []
    left = width
    for style, text in (
        (_LOOK, " "),
        (f"{_LOOK} {theme.fresh}", scrolled),
        (f"{_LOOK} {colour}", connection),
        (_LOOK, rest),
    ):
        shown = cut(text, left)
        left -= cells(shown)
        row.append((style, shown))
    row.append((_LOOK, " " * left))
    return row


def _rest(status: Status, width: int) -> str:
    """All behind the connection, with as many unread names as there is room for."""
    for shown in range(len(status.unread), -1, -1):
        parts = ["", *_parts(status, shown)]
        text = _BETWEEN.join(parts)
        if cells(text) <= width:
            return text
    return _BETWEEN.join(["", *_parts(status, 0)])


def _parts(status: Status, shown: int) -> list[str]:
    parts = []
    if status.user is not None:
        parts.append(tame(safe_text(status.user)))
    if status.queued:
        parts.append(f"{status.queued} queued")
    if status.unread:
        named = [
            f"{tame(safe_text(on_screen(conversation)))} {count}"
            for conversation, count in status.unread[:shown]
        ]
        more = sum(count for _, count in status.unread[shown:])
        if more:
            named.append(f"{more} more" if named else str(more))
        parts.append(f"unread: {', '.join(named)}")
    if status.partner is not None:
        name, online = tame(safe_text(on_screen(status.partner[0]))), status.partner[1]
        parts.append(f"{name} is {_ONLINE if online else 'offline'}")
    if status.online is not None:
        parts.append(f"{status.online} {_ONLINE}")
    return parts
