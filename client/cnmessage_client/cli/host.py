"""Who carries out a command, and where its words go: the process of one command, or a chat that goes on.

The commands know nothing of the difference. Called by options.py (Settings.host); the chat brings its own.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from cnmessage_client.client import Client

if TYPE_CHECKING:
    from cnmessage_client.cli.options import Settings
    from cnmessage_client.cli.progress import View
    from cnmessage_client.cli.render import Renderer

Result = TypeVar("Result")


class Surface(Protocol):
    """Where text goes. What is written is safe already; with SGR sequences for colours only if `colour`."""

    @property
    def person(self) -> bool:
        """Whether a person looks at `out`: then tables and sentences, else tab-separated lines."""
        ...

    @property
    def colour(self) -> bool:
        """Whether colours are shown; never without `person`."""
        ...

    @property
    def width(self) -> int:
        """Columns that a table may take."""
        ...

    def out(self, text: str) -> None:
        """Data: whole lines without the last line feed."""
        ...

    def err(self, text: str) -> None:
        """All else: hints and errors, in the same form."""
        ...


class Host(Protocol):
    """Carries out the jobs of commands."""

    @property
    def surface(self) -> Surface:
        """Where the words of the commands go."""
        ...

    @property
    def can_ask(self) -> bool:
        """Whether somebody answers questions here, leaving --no-input aside."""
        ...

    def run(
        self,
        settings: "Settings",
        job: Callable[[Client], Awaitable[Result]],
        *,
        long_lived: bool,
        entering: bool,
    ) -> Result:
        """Do the job with a client. Only who is `entering` (signup, login) gets a new profile made.

        A host whose client lives on must refuse, as a usage error, settings whose profile, broker or timeout
        are not those of its client, and what is `long_lived`. Raises KeyboardInterrupt when the person stops
        the job, which is cancelled then: some commands have a word to say about that.
        """
        ...

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """Ask for a line, which may be empty; `hidden` for secrets. Raises click.Abort when it is not given.

        The question is shown as it is: it ends with ": ". Safe text, perhaps of several lines.
        """
        ...

    def stdin(self) -> BinaryIO:
        """Standard input as bytes; a usage error where it is not the command's to read."""
        ...

    def stdout(self) -> BinaryIO:
        """Standard output as bytes; a usage error where it is not the command's to write to."""
        ...

    def view(self, renderer: "Renderer", verb: str, count: int) -> "View":
        """What shows the progress of `count` files; `verb` is what happens to them."""
        ...
