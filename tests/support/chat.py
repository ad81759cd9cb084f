"""The chat in a pseudo-terminal, and a second user who talks to it without one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from cnmessage_client import Home, SyncClient
from tests.support.harness import BIN
from tests.support.terminal import ScreenTerminal

ALL_DAY = re.compile(r"\b\d\d:\d\d\b")


class Chat(ScreenTerminal):
    """`cnmessage chat`: the last row is the line being typed, above it stands the status line."""

    @property
    def line(self) -> str:
        """The line being typed, with its prompt."""
        return self.lines[-1]

    @property
    def status(self) -> str:
        """The status line."""
        return self.lines[-2]

    @property
    def body(self) -> list[str]:
        """The rows above the status line."""
        return self.lines[:-2]

    def online(self) -> "Chat":
        """Wait until it is connected."""
        self.wait(lambda lines: " online ·" in lines[-2], "the status line to say online")
        return self

    def until_line(self, wanted: str) -> None:
        """Wait until exactly this stands in the line being typed."""
        self.wait(lambda lines: lines[-1] == wanted, f"the line {wanted!r}")

    def until_status(self, wanted: str | re.Pattern[str], *, gone: bool = False) -> str:
        """Wait until the status line holds it, or holds it no more; gives the status line."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted

        def seen(lines: list[str]) -> bool:
            return (pattern.search(lines[-2]) is None) is gone

        return self.wait(seen, f"{pattern.pattern!r} {'to leave' if gone else 'in'} the status line")[-2]

    def said(self, text: str) -> str:
        """Wait until a row of the body ends so; gives the row with its time masked."""
        rows = self.wait(lambda lines: any(row.endswith(text) for row in lines[:-2]), f"a row with {text!r}")
        return masked(next(row for row in rows[:-2] if row.endswith(text)))

    def until_top(self, text: str) -> None:
        """Scroll up, page by page, until a row of the body ends so."""
        for _ in range(40):
            before = self.lines
            if any(row.endswith(text) for row in before[:-2]):
                return
            self.key("page up")
            with suppress(AssertionError):  # at the top, more is loaded above what is shown
                self.wait(before.__ne__, "the page before", patience=0.5)
        raise AssertionError(f"{text!r} is nowhere above; the screen:\n{self.picture()}")

    def until_wide(self, columns: int) -> None:
        """Wait until the status line, which is shown in reverse, has so many cells."""
        self.wait(lambda _: sum(cell.reverse for cell in self.cells()[-2]) == columns, f"{columns} columns")


def masked(text: str) -> str:
    """The text with each time of day as 12:34."""
    return ALL_DAY.sub("12:34", text)


class HasEnvironment(Protocol):
    """What knows home and broker; the acceptance tests' Cli."""

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a program."""
        ...


def open_chat(
    cli: HasEnvironment, profile: str, *arguments: str, columns: int = 80, rows: int = 24, **environment: str
) -> Chat:
    """Start the chat of a profile; a context manager that ends it."""
    command = [str(BIN / "cnmessage"), "--profile", profile, "chat", *arguments]
    known = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", **environment}
    return Chat(command, cli.environment(**known), columns=columns, rows=rows)


@contextmanager
def talker(home: Home, profile: str, address: str) -> Iterator[SyncClient]:
    """A user who is online and sends at once; the profile is logged in already."""
    with SyncClient(home=home, profile=profile, broker=address) as client:
        client.whoami()
        yield client


GOLDEN = Path(__file__).parents[1] / "acceptance" / "golden"
"""Screens as they must look; the variable CNMESSAGE_GOLDEN=write writes them anew."""
