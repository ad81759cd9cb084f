"""What is needed of a screen, and what a screen needs: a talk to show, and somebody to hand lines to.

A screen shows what it is told; who gets a line is decided elsewhere.
"""

from collections.abc import Sequence
from typing import Protocol, Self

from cnmessage_client.chat.talk.entries import Entry
from cnmessage_client.chat.talk.status import Status
from cnmessage_client.chat.talk.turns import Typing
from cnmessage_client.ringing import Notification
from cnmessage_client.shell.out.progress import ProgressView
from cnmessage_client.shell.out.surface import Surface
from cnmessage_protocol.conversation import Conversation


class TalkView(Protocol):
    """What a screen reads of the talk whenever it draws. It changes nothing there."""

    @property
    def conversation(self) -> Conversation | None:
        """Whose view is open; None at home."""

    @property
    def asks(self) -> bool:
        """Whether the next line is the answer to a question about a message."""

    @property
    def entries(self) -> Sequence[Entry]:
        """What stands in that view, oldest first."""

    @property
    def prompt(self) -> str:
        """What stands before the line being typed."""

    def status(self, now: float) -> Status:
        """What the status line tells at a monotonic time."""


class InputHandler(Protocol):
    """Who is told what a person does, at once and on the event loop's thread."""

    def entered(self, line: str | None) -> None:
        """A line is complete, a pasted block too; None: no more will come."""

    def signed_off(self) -> None:
        """Ctrl-D on an empty line."""

    def interrupt(self, *, half: bool) -> object:
        """Ctrl-C, with `half` a line there."""


class Screen(Protocol):
    """Shows the talk and takes what is typed. All methods are called on the event loop's thread."""

    @property
    def surface(self) -> Surface:
        """Where the output of commands goes; safe to use from any thread."""

    @property
    def keys(self) -> bool:
        """Whether keys do more here than the terminal's own."""

    def view(self, verb: str) -> ProgressView:
        """What shows the progress of a command's files; safe to call and to use from any thread."""

    def show(self, entry: Entry, *, again: bool) -> None:
        """An entry was added to the view that is open, or (`again`) has another mark."""

    def redraw(self) -> None:
        """Another view is open, or the status changed: draw soon what the talk holds now."""

    def put_aside(self) -> None:
        """The program is about to stop: the terminal is to be as it was before."""

    def continued(self) -> None:
        """The program goes on after a stop, during which the terminal was somebody else's."""

    def notify(self, notification: Notification) -> None:
        """The bell, and a notification where the terminal shows such."""

    def set_draft(self, text: str, *, offered: bool = False) -> None:
        """Put text into the line being typed; what is typed next takes its place if it is only `offered`."""

    @property
    def draft(self) -> str:
        """The line being typed."""

    @property
    def half_typed(self) -> bool:
        """Whether half a line is there, so far as this is known."""

    def lend(self, typing: Typing) -> None:
        """From now on the line being typed is this."""

    def remember(self, line: str) -> None:
        """This line may be brought back with Up."""

    def forget(self) -> None:
        """Forget half a line, so that nothing brings it back."""

    async def edit(self, text: str) -> str | None:
        """Open $EDITOR on it; gives what was saved, or None when that is the line being typed now.

        Raises CnMessageError when that cannot be done.
        """

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
