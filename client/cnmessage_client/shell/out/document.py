"""The forms in which messages are written down to be kept: JSON Lines here, texts for people beside it.

A form turns messages into text, one after the other, and keeps nothing of them. Knows no file and no client.
"""

from datetime import date
from typing import Protocol

from msgspec import Struct

from cnmessage_client.model import Message, MessageFile, Unknown
from cnmessage_client.shell.out.render import in_units, json_line


class Copy(Struct, frozen=True):
    """What there is here of a file that a message offers: the path of a copy, or why there is none.

    `link` leads from the document to the copy: a relative path in which all is escaped that a URL has no
    place for.
    """

    path: str | None = None
    link: str = ""
    missing: str = ""


class Document(Protocol):
    """A form; what it gives ends with a line feed, or is empty."""

    def beginning(self, title: str) -> str:
        """What comes before all messages."""
        ...

    def entry(self, entry: Message | Unknown, copy: Copy | None) -> str:
        """A message; `copy` is of its file, where copies are made."""
        ...

    def end(self) -> str:
        """What comes behind all messages."""
        ...


class JsonLines:
    """Each message as `--json` prints it everywhere; its file has a `path` where copies are made."""

    def beginning(self, title: str) -> str:
        """Nothing."""
        del title
        return ""

    def entry(self, entry: Message | Unknown, copy: Copy | None) -> str:
        """One object; a file without its copy has a `path` of null, and `missing` says why."""
        values = entry.as_json()
        if copy is not None:
            why = {} if copy.path is not None else {"missing": copy.missing}
            values["file"] = {**values["file"], "path": copy.path, **why}
        return json_line(values) + "\n"

    def end(self) -> str:
        """Nothing."""
        return ""


class Days:
    """The day that the messages have come to, by the local clock."""

    def __init__(self) -> None:
        self._today: date | None = None

    def new(self, entry: Message | Unknown) -> str | None:
        """The day of this message, if it is another than that of the last."""
        day = entry.time.astimezone().date()
        if day == self._today:
            return None
        self._today = day
        return f"{day:%Y-%m-%d}"


def clock(entry: Message | Unknown) -> str:
    """When a message was sent, on its day."""
    return f"{entry.time.astimezone():%H:%M:%S}"


def about(file: MessageFile, copy: Copy | None) -> str:
    """What is said of a file behind its name: ` 1.2 MiB`, and that it is missing."""
    why = f" ({copy.missing})" if copy is not None and copy.missing else ""
    return f", {in_units(file.size)}{why}"
