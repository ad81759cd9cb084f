"""The main views look as they shall, in two sizes.

Where a change is meant, look at the new screens first, then write them anew:

    CNMESSAGE_GOLDEN=write .venv/bin/python -m pytest tests/acceptance/test_chat_golden.py && make picture

Each is text, a row a line; what differs from run to run is masked. conversation-80x24.ansi holds the colours
too (`cat` shows it), and is what `make picture` draws.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.chat import GOLDEN, Chat, open_chat
from tests.support.harness import BrokerProcess, home_at
from tests.support.picture import PICTURE, SCREEN, draw

COUNTDOWN = re.compile(r"reconnecting in \d+ s \(try \d+\)")
MASKS = (
    (re.compile(r"(?<!\d)\d\d:\d\d(?!\d)"), "12:34"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "1a2b3c4d"),
    (COUNTDOWN, "reconnecting in 3 s (try 2)"),
)
"""What is masked has one width, or stands at the end of its row."""


LONGER = (
    "Then let us look at it together. I have a chart of the last four weeks, and I wonder why the third is "
    "so much slower than the rest."
)


EXCHANGE = (
    ("Got it. That was the week with the old disk:\nevery write had to wait.", "Ah! Then it was not us."),
    ("It was not. I wrote to the others already.", "Thank you. Shall we do the same run on Friday?"),
    ("Yes, with twice as many. Coming over in five minutes. ☕", "Good, I have the room until eleven."),
)


class Gallery:
    """Compares screens with those that were looked at before; keeps in `differing` what differs."""

    def __init__(self, chat: Chat, size: str) -> None:
        self.chat = chat
        self.size = size
        self.differing: list[str] = []

    def shows(self, name: str) -> None:
        """The chat's screen now is the one called `name`."""
        self._compare(f"{name}-{self.size}.txt", lambda: self.chat.lines)

    def shows_in_colour(self, name: str) -> None:
        """The same with its colours."""
        self._compare(f"{name}-{self.size}.ansi", self.chat.ansi)

    def _compare(self, name: str, rows: Callable[[], list[str]]) -> None:
        path = GOLDEN / name
        if os.environ.get("CNMESSAGE_GOLDEN") == "write":
            path.write_text(_masked(rows()), encoding="utf-8")
            return
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        try:  # a program draws row by row, so the screen may be half drawn still
            self.chat.wait(lambda _: _masked(rows()) == known, f"the screen {name}", patience=5)
        except AssertionError:
            self.differing.append(f"{name} is now:\n{_masked(rows())}")


def _masked(rows: list[str]) -> str:
    text = "".join(f"{row}\n" for row in rows)
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_the_main_views_look_as_they_shall(  # noqa: PLR0915 - one walk through all of them
    broker_process: BrokerProcess, tmp_path: Path, columns: int, rows: int
) -> None:
    cli = Cli(home_at(tmp_path / "home"), broker_process.address)
    cli.accounts("alice", "bob", "carol")
    cli.ok("--profile", "bob", "send", "alice", "Good morning! Did the night's run end well?")
    cli.ok("--profile", "carol", "send", "alice", "bob", "The meeting is at ten.\nBring the figures, please.")
    (tmp_path / "chart.pdf").write_bytes(b"chart" * 9000)
    with open_chat(cli, "bob") as bob, open_chat(cli, "alice", columns=columns, rows=rows) as alice:
        bob.online()
        alice.online()
        alice.until_status("2 online")
        gallery = Gallery(alice, f"{columns}x{rows}")
        alice.said("Bring the figures, please.")
        gallery.shows("home")

        alice.type("to ")
        alice.key("tab")
        alice.until_status(" carol ")  # the menu stands above the line
        gallery.shows("completion")
        alice.key("escape", "ctrl-u")
        alice.until_line("alice>")

        alice.enter("to bob")
        alice.until_line("alice → bob>")
        alice.said("Did the night's run end well?")
        alice.enter("It did: 48 of 48, and none took longer than a minute.")
        alice.said("than a minute. ✓✓")
        bob.enter(f"@alice {LONGER}")
        alice.said("than the rest.")
        bob.enter(f"sendfile alice {tmp_path / 'chart.pdf'}")
        alice.until(re.compile(r"files get [0-9a-f]{8}"))
        for own, answer in EXCHANGE:
            alice.paste(own)
            alice.key("enter")
            alice.said(f"{own.splitlines()[-1]} ✓✓")
            bob.enter(f"@alice {answer}")
            alice.said(answer)
        cli.ok("--profile", "carol", "send", "alice", "Is the room free at ten?")
        alice.said("Is the room free at ten?")
        alice.until_status("unread: carol 1")
        alice.type("One minute")
        alice.until_line("alice → bob> One minute")
        gallery.shows("conversation")
        if gallery.size in SCREEN.name:
            gallery.shows_in_colour("conversation")
        alice.key("ctrl-u")

        alice.enter("/to carol")
        alice.until_line("alice → carol>")
        alice.until_status("unread", gone=True)
        alice.said("Is the room free at ten?")
        gallery.shows("new")

        alice.enter("/help")
        alice.until("What may be typed.")  # a long text is read from its top
        alice.until_status("↓ End: latest")
        gallery.shows("help")

        broker_process.kill()
        alice.until_status(COUNTDOWN)
        alice.enter("Yes, and the projector works again.")
        alice.until_status("1 queued")
        alice.said("works again. …")
        gallery.shows("offline")
    assert not gallery.differing, "\n".join(gallery.differing)


def test_the_picture_is_drawn_from_the_golden_screen() -> None:
    drawn = draw(SCREEN.read_text(encoding="utf-8"))
    assert PICTURE.read_text(encoding="utf-8") == drawn, "run: make picture"
    assert not re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?(?!#)\w", drawn)  # it loads nothing
    assert "://" not in drawn.replace("http://www.w3.org/2000/svg", "")
