"""The only place that prints. Data to stdout, everything else to stderr.

Three forms of the same data: JSON Lines with --json, a person's view on a terminal, and stable tab-separated
lines elsewhere. rich is imported only where a person looks.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from cnmessage_client.cli.safe_text import one_field, safe_text
from cnmessage_client.model import Message, User, json_time
from cnmessage_protocol.errors import CnMessageError

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


class Renderer:
    """Prints for one run of the command line."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
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
        body = safe_text(message.body, lines=True).replace("\n", "\n    ")
        return f"{time}  {name}{arrow}: {body}"

    def _grid(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.console import Console  # noqa: PLC0415 - 60 ms that scripts and one-liners spare
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, header_style="bold" if self.colour else "")
        for head in heads:
            table.add_column(head, overflow="fold")
        for row in rows:
            table.add_row(*[Text(safe_text(field)) for field in row])
        Console(no_color=not self.colour, highlight=False).print(table)

    @staticmethod
    def _out(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @staticmethod
    def _err(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
