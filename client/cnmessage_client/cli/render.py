"""The only place that prints. Data to stdout, everything else to stderr.

Three forms of the same data: JSON Lines with --json, a person's view on a terminal, and stable tab-separated
lines elsewhere. rich is imported only where a person looks.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cnmessage_client.cli.safe_text import one_field, safe_text
from cnmessage_client.model import Message, User, json_time
from cnmessage_protocol.errors import CnMessageError

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
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


class Renderer:
    """Prints for one run of the command line; `command` is how to type this program in a hint."""

    def __init__(
        self, *, as_json: bool, quiet: bool, command: Callable[[], str] = lambda: "cnmessage"
    ) -> None:
        self._command = command
        self.as_json = as_json
        self.quiet = quiet
        self.for_person = not as_json and sys.stdout.isatty()
        self.colour = self.for_person and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def record(
        self, values: dict[str, Any], person: str | None = None, line: Sequence[str] | None = None
    ) -> None:
        """One object: as JSON, as a sentence for a person, or as one tab-separated line."""
        if self.as_json:
            # ASCII only: escapes keep the text whole for a program and harmless on a terminal.
            self._out(json.dumps(values))
        elif self.for_person and person is not None:
            self._out(safe_text(person))
        elif line is not None:
            self._out("\t".join(one_field(field) for field in line))

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
            self._out(self._spoken(message))
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

    def users(self, users: Iterable[User]) -> None:
        """The user list."""
        rows = [
            (
                user.as_json(),
                (
                    user.name,
                    "online" if user.online else "offline",
                    self._when(user.last_seen),
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

    def bytes_of(self, file: BinaryIO) -> None:
        """The content of a file, as it is."""
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
        sys.stdout.buffer.flush()

    def console(self, *, stderr: bool = False) -> "Console":
        """A rich console on stdout or stderr."""
        from rich.console import Console  # noqa: PLC0415 - 60 ms that scripts and one-liners spare

        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        return Console(stderr=stderr, no_color=plain, highlight=False)

    def note(self, text: str) -> None:
        """What changed and what to do next; not data, so it goes to stderr, and not with --quiet."""
        if not self.quiet:
            self._err(safe_text(text, lines=True))

    def error(self, error: CnMessageError) -> None:
        """An error, as JSON or as a line that begins with the program's name."""
        if self.as_json:
            values = {"code": str(error.code), "message": error.message, "retryable": error.retryable}
            self._err(json.dumps({"error": values}))
        else:
            self._err(f"cnmessage: {safe_text(error.message)}")

    def text(self, text: str) -> None:
        """Text that is the whole point of a command, such as help or a completion script."""
        self._out(text)

    def _spoken(self, message: Message) -> str:
        name = safe_text(message.sender)
        if self.colour:
            name = click.style(name, fg=_COLOURS[sum(name.encode()) % len(_COLOURS)], bold=True)
        others = [safe_text(each) for each in message.to]
        arrow = (
            f" → {', '.join(others)}"
            if message.kind == "broadcast" or len(others) > 1 or not message.received
            else ""
        )
        time = f"{message.time.astimezone():%Y-%m-%d %H:%M:%S}"
        if self.colour:
            time = click.style(time, dim=True)
        body = safe_text(message.body, lines=True)
        if message.file is not None:
            body = self._offer(message) + (f"\n{body}" if body else "")
        return f"{time}  {name}{arrow}: {body}".replace("\n", "\n    ")

    def _offer(self, message: Message) -> str:
        file = message.file
        if file is None:
            return ""
        text = safe_text(f"[file] {file.name}, {in_units(file.size)}")
        if not message.received:
            return text
        return f"{text} · fetch it: {self._command()} files get {safe_text(file.id[:SHORT_ID])}"

    @staticmethod
    def _file_fields(message: Message) -> tuple[str, ...]:
        file = message.file
        return () if file is None else (file.id, file.name, str(file.size), file.sha256)

    def _grid(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.table import Table  # noqa: PLC0415 - 60 ms that scripts and one-liners spare
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, header_style="bold" if self.colour else "")
        for head in heads:
            table.add_column(head, overflow="fold")
        for row in rows:
            table.add_row(*[Text(safe_text(field)) for field in row])
        self.console().print(table)

    @staticmethod
    def _out(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @staticmethod
    def _err(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
