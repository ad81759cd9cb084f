"""The words of every command: data to its surface's `out`, everything else to `err`.

Three forms of the same data: JSON Lines with --json, a person's view on a terminal, and stable tab-separated
lines elsewhere. rich is imported only where a person looks. Knows no stream: it writes to a surface.
"""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import click

from cnmessage_client.model import UNKNOWN, Message, Unknown, User, json_time, pushed_json
from cnmessage_client.shell.out.colours import name_colour
from cnmessage_client.shell.out.safe_text import one_field, safe_text
from cnmessage_client.shell.out.surface import Surface
from cnmessage_client.shell.out.wrapping import wrapped
from cnmessage_protocol.errors import CnMessageError

_MARGIN = "    "
"""Before all rows of a message but its first: no text can pass for another message."""

SHORT_ID = 8
"""Digits of an id that a person is shown; any unique beginning is understood."""


def in_units(size: int) -> str:
    """A number of bytes as a person reads it: 17 bytes, 1.2 MiB."""
    if size < 1024:
        return f"{size} byte" if size == 1 else f"{size} bytes"
    scaled, units = size / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while scaled >= 1023.95 and len(units) > 1:  # or else it would read 1024.0
        scaled, units = scaled / 1024, units[1:]
    return f"{scaled:.1f} {units[0]}"


def json_line(values: dict[str, Any]) -> str:
    """An object as every --json has it. ASCII only: escapes keep texts whole, and harmless on a terminal."""
    return json.dumps(values)


def arrow_of(message: Message) -> str:
    """To whom a message went, where that is not just its reader: ` → bob, carol`, or nothing."""
    alone = message.received and message.kind != "broadcast" and len(message.to) == 1
    return "" if alone else f" → {', '.join(message.to)}"


class Renderer:
    """Prints for one run of a command.

    `typed` is how to type a command in a hint; `program` stands before each error.
    """

    def __init__(
        self,
        surface: Surface,
        *,
        as_json: bool,
        quiet: bool,
        typed: Callable[[str], str] = lambda words: f"cnmessage {words}",
        program: str = "cnmessage: ",
    ) -> None:
        self._surface = surface
        self._typed = typed
        self._program = program
        self.as_json = as_json
        self.quiet = quiet
        self.for_person = not as_json and surface.person
        self.colour = self.for_person and surface.colour

    @property
    def width(self) -> int:
        """Columns that a person's table may take."""
        return self._surface.width

    def record(
        self, values: dict[str, Any], person: str | None = None, line: Sequence[str] | None = None
    ) -> None:
        """One object: as JSON, as a sentence for a person, or as one tab-separated line."""
        if self.as_json:
            self._surface.out(json_line(values))
        elif self.for_person and person is not None:
            self._surface.out(safe_text(person))
        elif line is not None:
            self._surface.out("\t".join(one_field(field) for field in line))

    def done(self, values: dict[str, Any], person: str, line: Sequence[str] | None = None) -> None:
        """What the command did, as a record; with --quiet a person needs no word about it."""
        if not (self.quiet and self.for_person):
            self.record(values, person, line)

    def table(self, heads: Sequence[str], rows: Iterable[tuple[dict[str, Any], Sequence[str]]]) -> None:
        """Many objects: JSON Lines, aligned columns with heads, or tab-separated lines."""
        if self.for_person:
            self._grid(heads, [fields for _, fields in rows])
            return
        for values, fields in rows:
            self.record(values, line=fields)

    def message(self, message: Message) -> None:
        """One message, in the form this run prints."""
        if self.for_person:
            self._surface.out(self._spoken(message))
        else:
            self.record(
                message.as_json(),
                line=(
                    str(message.seq),
                    json_time(message.time),
                    message.kind,
                    message.sender,
                    ",".join(message.to),
                    message.body,
                    *self._file_fields(message),
                ),
            )

    def entry(self, entry: Message | Unknown) -> None:
        """One message, or a line in place of what cannot be shown."""
        if isinstance(entry, Message):
            self.message(entry)
        elif self.for_person:
            self._dim(f"{entry.time.astimezone():%Y-%m-%d %H:%M:%S}  {UNKNOWN}")
        else:
            fields = (str(entry.seq), json_time(entry.time), entry.kind, "", "", "")
            self.record(entry.as_json(), line=fields)

    def pushed(self, kind: str) -> None:
        """A line in place of a delivery of a kind to come, which is in no inbox."""
        if self.for_person:
            self._dim(UNKNOWN)
        else:
            self.record(pushed_json(kind), line=("", "", kind, "", "", ""))

    def users(self, users: Iterable[User]) -> None:
        """The user list."""
        rows = [
            (
                user.as_json(),
                (
                    user.name,
                    "online" if user.online else "offline",
                    self.seen(user.last_seen, online=user.online),
                ),
            )
            for user in users
        ]
        self.table(("NAME", "STATE", "LAST SEEN"), rows)

    def _when(self, time: datetime | None) -> str:
        if time is None:
            return "never" if self.for_person else ""
        return f"{time.astimezone():%Y-%m-%d %H:%M}" if self.for_person else json_time(time)

    def when(self, time: datetime) -> str:
        """A time as this run shows times."""
        return self._when(time)

    def seen(self, time: datetime | None, *, online: bool) -> str:
        """When somebody was last online; a program gets the time that the broker keeps in any case."""
        return "now" if online and self.for_person else self._when(time)

    def bytes_of(self, file: BinaryIO, to: BinaryIO) -> None:
        """Copy the content of a file, as it is, to the host's standard output."""
        import shutil  # noqa: PLC0415 - for files alone

        shutil.copyfileobj(file, to, 1 << 20)
        to.flush()

    def note(self, text: str) -> None:
        """What changed and what to do next; not data, so it goes to stderr, and not with --quiet."""
        if not self.quiet:
            self._surface.err(safe_text(text, lines=True))

    def error(self, error: CnMessageError) -> None:
        """An error, as JSON or as a line that begins with the program's name."""
        if self.as_json:
            values = {"code": str(error.code), "message": error.message, "retryable": error.retryable}
            self._surface.err(json.dumps({"error": values}))
        else:
            self._surface.err(f"{self._program}{safe_text(error.message)}")

    def objection(self, text: str) -> None:
        """What is wrong with an answer. The question follows again, so it is neither an error nor a note."""
        self._surface.err(f"Error: {safe_text(text)}")

    def text(self, text: str) -> None:
        """Text that is the whole point of a command, such as help or a completion script."""
        self._surface.out(text)

    def _dim(self, line: str) -> None:
        self._surface.out(click.style(line, dim=True) if self.colour else line)

    def _spoken(self, message: Message) -> str:
        name = safe_text(message.sender)
        arrow = safe_text(arrow_of(message))
        time = f"{message.time.astimezone():%Y-%m-%d %H:%M:%S}"
        body = safe_text(message.body, lines=True)
        offer = [] if message.file is None else [self._offer(message)]  # one row: its end is copied
        lines = body.split("\n") if body or not offer else []
        first, *more = [*offer, *lines]
        rows = [f"{time}  {name}{arrow}: {first}", *(_MARGIN + line for line in more)]
        whole = len(offer)
        shown = [*rows[:whole], *(wrapped(row, self._surface.width, len(_MARGIN)) for row in rows[whole:])]
        text = "\n".join(shown)
        if self.colour and text.startswith(f"{time}  {name}"):
            begin = f"{click.style(time, dim=True)}  {click.style(name, fg=name_colour(name), bold=True)}"
            text = begin + text.removeprefix(f"{time}  {name}")
        return text

    def _offer(self, message: Message) -> str:
        file = message.file
        if file is None:
            return ""
        text = safe_text(f"[file] {file.name}, {in_units(file.size)}")
        if not message.received:
            return text
        return f"{text} · fetch it: {self._typed(f'files get {safe_text(file.id[:SHORT_ID])}')}"

    @staticmethod
    def _file_fields(message: Message) -> tuple[str, ...]:
        file = message.file
        return () if file is None else (file.id, file.name, str(file.size), file.sha256)

    def _grid(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.console import Console  # noqa: PLC0415 - 60 ms that scripts and one-liners spare
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, header_style="bold" if self.colour else "")
        for head in heads:
            table.add_column(head, overflow="fold")
        for row in rows:
            table.add_row(*[Text(safe_text(field)) for field in row])
        drawn = io.StringIO()
        Console(
            file=drawn,
            width=self._surface.width,
            height=25,  # of no consequence; with it, rich asks no terminal for its size
            force_terminal=self.colour,
            color_system="standard" if self.colour else None,
            highlight=False,
        ).print(table)
        self._surface.out(drawn.getvalue().removesuffix("\n"))
