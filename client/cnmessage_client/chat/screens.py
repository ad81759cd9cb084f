"""What the driver needs of a screen, and what a screen needs of the talk.

fullscreen.py and plain.py are the two screens there are.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, Self

from cnmessage_client.chat.talk.entries import Entry
from cnmessage_client.chat.talk.status import Status
from cnmessage_client.shell.out.progress import View
from cnmessage_client.shell.out.surface import Surface


class TalkView(Protocol):
    """What a screen reads of the talk whenever it draws. It changes nothing there."""

    @property
    def peer(self) -> str | None:
        """Whose view is open: None at home, a name, or "all"."""

    @property
    def entries(self) -> Sequence[Entry]:
        """What stands in that view, oldest first."""

    @property
    def asks(self) -> bool:
        """Whether the next line is the answer to a question about a message."""

    @property
    def prompt(self) -> str:
        """What stands before the line being typed."""

    def status(self, now: float) -> Status:
        """What the status line tells at a monotonic time."""


class Screen(Protocol):
    """Shows the talk and takes what is typed. All methods are called on the event loop's thread."""

    @property
    def surface(self) -> Surface:
        """Where the output of commands goes; safe to use from any thread."""

    def view(self, verb: str) -> View:
        """What shows the progress of a command's files; safe to call and to use from any thread."""

    def show(self, entry: Entry, *, again: bool) -> None:
        """An entry was added to the view that is open, or (`again`) has another mark."""

    def redraw(self) -> None:
        """Another view is open, or the status changed: draw soon what the talk holds now."""

    def ring(self) -> None:
        """The bell."""

    def set_draft(self, text: str) -> None:
        """Put text into the line being typed."""

    @property
    def draft(self) -> str:
        """The line being typed."""

    @property
    def keeps_draft(self) -> bool:
        """Whether there is a line being typed that a text can be put into."""

    async def edit(self, text: str) -> str:
        """Open $EDITOR on it and give what was saved; raises CnMessageError when that cannot be done."""

    async def ask(self, question: str, *, hidden: bool) -> str:
        """A line in answer to a question; raises EOFError or KeyboardInterrupt when there is none."""

    def typed_ahead(self) -> str | None:
        """A line that was typed before anybody has asked for it, and that `lines` would give next."""

    def expect_answers(self, *, expected: bool) -> None:
        """From now on a question may come, or no more: what is typed before it is seen and kept nowhere."""

    def forget_ahead(self) -> int:
        """Forget what was typed and nobody has taken, so far as this can be done; gives how many lines."""

    def lines(self) -> AsyncIterator[str]:
        """What is typed, line by line (a pasted block is one line), until the end of input."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
