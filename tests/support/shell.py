"""A person's shell in a terminal, and in it a program that is stopped, brought back and ended from outside.

The shell is dash where there is one: it repairs nothing of a terminal that a program has left as it pleased.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import termios
from pathlib import Path
from typing import Any

from tests.support.chat import Chat, HasEnvironment
from tests.support.harness import BIN, eventually

_PROMPT = b"ready> "
_HOLD, _GO_ON = "\x13", "\x11"

_PAIRS = (
    (b"\x1b[?1049h", b"\x1b[?1049l"),
    (b"\x1b[?2004h", b"\x1b[?2004l"),
    (b"\x1b[?1004h", b"\x1b[?1004l"),
    (b"\x1b[?25l", b"\x1b[?25h"),
)
"""What a program makes of a terminal, and how it is undone."""


class Shell(Chat):
    """`sh -i`; what is asked of its screen is as with a chat, which may run in it."""

    def __init__(self, cli: HasEnvironment, folder: Path, **environment: str) -> None:
        own = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", "PS1": _PROMPT.decode()}
        super().__init__(
            [shutil.which("dash") or "sh", "-i"], cli.environment(**own, **environment), columns=200
        )
        self._note = folder / "pid"
        self._since = 0
        self.at_prompt()
        self._before = self._attributes()

    def run(self, profile: str, *words: str, before: str = "", end: str = "") -> None:
        """Run a command of cnmessage in the foreground, or as the shell's line says with another `end`.

        What stands `before` it is run in the same job.
        """
        self._note.unlink(missing_ok=True)
        self._since = len(self.raw)
        command = f"{BIN}/cnmessage --profile {profile} {' '.join(words)}"
        self.enter(f"sh -c '{before} echo $$ >{self._note}; exec {command}'{end}")
        eventually(lambda: self._note.exists() and self._note.read_text().endswith("\n"))

    @property
    def stopped(self) -> bool:
        """Whether that command is stopped, as ps shows it."""
        shown = ["ps", "-o", "stat=", "-p", self._note.read_text().strip()]
        return subprocess.run(shown, capture_output=True, text=True, check=False).stdout.startswith("T")

    @property
    def turns(self) -> int:
        """How often that command has had a turn of the processor and let go of it."""
        text = Path(f"/proc/{self._note.read_text().strip()}/status").read_text(encoding="ascii")
        return int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0])

    def background(self) -> None:
        """`bg`; wait until the command went on there, and was stopped for it."""
        turns = self.turns
        self.enter("bg")
        eventually(lambda: self.turns > turns and self.stopped)
        self._since = len(self.raw)
        self.enter("echo a$((1))b")  # behind all that the command has written meanwhile
        self.wait(lambda _: b"a1b" in self.raw[self._since :], "the shell's answer")

    def type_secret(self, text: str) -> None:
        """Type what is not shown; returns once it has come to where the program reads.

        The kernel brings it there a moment after it was written. Where lines are read nothing shows that: the
        keys that hold output up, and let it go on, come behind it, and are seen by whoever would write.
        """
        if not self.modes[1]:
            self.type(text)
            self.until("*" * len(text))
            return
        self.type(text + _HOLD)
        eventually(lambda: not self._flows)
        self.type(_GO_ON)
        eventually(lambda: self._flows)

    @property
    def _flows(self) -> bool:
        """Whether a program may write to the terminal."""
        theirs = os.open(f"/proc/{self.process.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        try:
            return bool(select.select([], [theirs], [], 0)[1])
        finally:
            os.close(theirs)

    def suspend(self) -> None:
        """Ctrl-Z."""
        self._since = len(self.raw)
        self.key("ctrl-z")

    def send(self, number: signal.Signals) -> None:
        """A signal to that command alone."""
        self._since = len(self.raw)
        os.kill(int(self._note.read_text()), number)

    def at_prompt(self) -> None:
        """Wait until the shell has the terminal."""
        since = self._since
        self.wait(lambda _: _PROMPT in self.raw[since:], "the prompt of the shell")

    def has_it_back(self) -> None:
        """Wait until the shell has the terminal, and see that it is as it was before the command."""
        self.at_prompt()
        assert self._attributes() == self._before, "the terminal is not as it was"
        for made, undone in _PAIRS:
            assert self.raw.rfind(made) <= self.raw.rfind(undone), f"{made!r} was not undone"

    def ended(self) -> int:
        """Wait until the command has ended and the terminal is as it was; gives the exit status."""
        self.has_it_back()
        self._since = len(self.raw)
        self.enter("echo status=$? end")
        shown = re.compile(rb"status=(\d+) end")
        self.wait(lambda _: shown.search(self.raw, self._since) is not None, "a status")
        found = shown.search(self.raw, self._since)
        return -1 if found is None else int(found[1])

    def foreground(self) -> None:
        """`fg`."""
        self._since = len(self.raw)
        self.enter("fg")

    def _attributes(self) -> list[Any]:
        return termios.tcgetattr(self._side)
