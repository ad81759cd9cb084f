"""A command with what it is: facts that are given where it is defined, and that stand nowhere else.

Help, completion, documents and the chat read them. A command cannot be made without them. Knows no command by
name, no host and no chat.
"""

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import takewhile
from typing import Any, Literal

import click
from msgspec import Struct

PROGRAM = "cnmessage"

WORDS = "cnmessage.words"
"""Where a context keeps the words that its innermost command was called with."""


def asks_json(words: Sequence[str]) -> bool:
    """Whether these words ask for JSON; behind `--` they are text, names or paths."""
    return "--json" in takewhile(lambda word: word != "--", words)


class Section(Enum):
    """A heading of the help, in its order."""

    MESSAGES = "Messages"
    FILES = "Files"
    PEOPLE = "People"
    ACCOUNT = "Account"
    MACHINE = "This machine"
    HELP = "Help"


class Facts(Struct, frozen=True):
    """What a command is. What has no default is said of every command."""

    section: Section
    """Where help lists it; a command in a group stands where its group does."""
    example: str
    """A call of it as it is typed in a shell."""

    asks: bool
    """Whether it asks, secrets too: until it is over, no line that is typed is anything but an answer."""
    account: bool
    """Whether it changes who is logged in, or the password. In a chat it waits for nothing, and what is typed
    behind it waits for its end: a `login` behind a `logout` too."""
    moves: bool
    """Whether it moves files, which takes long: in a chat it runs beside the others."""

    aliases: tuple[str, ...] = ()
    """Its other names."""
    in_chat: bool = True
    """Whether it makes sense in a chat."""
    enters: bool = False
    """Whether it enters an account: a profile that is not there yet is made."""
    leaves: bool = False
    """Whether it ends the login: a client that follows the inbox would hear of that, and end."""
    prints: bool = True
    """Whether it always has something to print: it does nothing where standard output is closed."""
    for_reader: bool = False
    """Whether it is of no use without whoever reads its output: it ends when that leaves. So does what
    `moves` and prints its progress as JSON."""
    long_lived: bool = False
    """Whether it goes on until it is stopped."""
    explains: bool = False
    """Whether it explains commands. A chat explains its own itself."""
    reads: str | None = None
    """How a call of it is typed that takes standard input."""
    to_users: bool = False
    """Whether its words are users, at least the first of them."""
    text: Literal["names", "everyone"] | None = None
    """To whom it sends a text: the names before it, or everyone. In a chat the text needs no quotes."""
    unread: str | None = None
    """The option with which it shows all that waits, and marks it as read."""
    usual: tuple[str, ...] = ()
    """Words that people type for it, which are no names of it: an error says how it is called here."""
    instead: Callable[[Sequence[str]], str | None] | None = None
    """Given the words of a call that was not understood, without options: what was likely meant, as it is
    typed behind the program's name, or None."""

    @property
    def words(self) -> str:
        """The example as it is typed in a chat, without the program's name."""
        return self.example.removeprefix(f"{PROGRAM} ")


class Command(click.Command):
    """A command with its facts. Its help ends with its example."""

    def __init__(self, name: str | None, *, facts: Facts, **named: Any) -> None:
        text = inspect.cleandoc(named.pop("help", None) or "")
        super().__init__(name, help=f"{text}\n\nExample: {facts.example}", **named)
        self.facts = facts

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """As click's, but the words stay known, for an error to say what is right."""
        context.meta[WORDS] = list(args)
        try:
            return super().parse_args(context, args)
        except click.UsageError as error:
            error.ctx = error.ctx or context  # an option without its value is told without
            raise


class Group(Command, click.Group):
    """A command with commands of its own. With none behind it, it does what its `list` does."""

    command_class = Command

    def __init__(self, name: str | None, *, facts: Facts, **named: Any) -> None:
        super().__init__(name, facts=facts, invoke_without_command=True, **named)

    def invoke(self, context: click.Context) -> Any:
        """Run the command behind it, or the list."""
        result = super().invoke(context)
        if context.invoked_subcommand is not None:
            return result
        with self.commands["list"].make_context("list", [], parent=context) as inner:
            return inner.command.invoke(inner)


def command(facts: Facts) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command of its name."""
    return click.command(cls=Command, facts=facts)


def group(facts: Facts) -> Callable[[Callable[..., Any]], Group]:
    """Make a function a group of its name."""
    return click.group(cls=Group, facts=facts)


def facts_of(command: click.Command) -> Facts:
    """The facts of a command of this program."""
    if not isinstance(command, Command):
        raise TypeError(f"'{command.name}' was made without its facts")
    return command.facts
