"""Who carries out a command, and where its words go: the process of one command, or a chat that goes on.

The commands know nothing of the difference: a chat brings a host of its own.
"""

from collections.abc import Awaitable, Callable
from typing import BinaryIO, Protocol, TypeVar

from cnmessage_client.client import Client
from cnmessage_client.shell.command import Facts
from cnmessage_client.shell.out.progress import ProgressView
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.out.surface import Surface

Result = TypeVar("Result")


class Run(Protocol):
    """What a host knows of the run whose job it does; Settings are one."""

    @property
    def profile(self) -> str | None:
        """The profile that was named."""
        ...

    @property
    def broker(self) -> str | None:
        """The broker that was named."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds to wait for an answer."""
        ...

    @property
    def debug(self) -> bool:
        """Whether each transition of the machines is to be told."""
        ...

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        ...

    @property
    def renderer(self) -> Renderer:
        """How this run prints."""
        ...

    def client(self) -> Client:
        """A client as the options say."""
        ...

    def command(self, profile: str | None = None) -> str:
        """How to call this program, for hints."""
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

    def run(self, run: Run, facts: Facts, job: Callable[[Client], Awaitable[Result]]) -> Result:
        """Do the job of a command with these facts, with a client. Only one that `enters` gets a new profile.

        A host whose client lives on must refuse, as a usage error, settings whose profile or broker are not
        those of its client, and what is `long_lived`. Raises KeyboardInterrupt when the person stops the job,
        which is cancelled then: some commands have a word to say about that.
        """
        ...

    async def while_read(self, wait: Awaitable[Result]) -> Result:
        """Wait within a job as long as somebody can hear what comes of it; else BrokenPipeError, at once."""
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

    def view(self, renderer: Renderer, verb: str, count: int) -> ProgressView:
        """What shows the progress of `count` files; `verb` is what happens to them."""
        ...
