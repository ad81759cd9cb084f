"""Reading a line: what was typed, and where, becomes one frozen record of what is meant.

At home bare words are commands; in a conversation plain text is a message and `/word` a command. A line that
means nothing is refused with what to do instead, never sent. Knows neither users nor click: the commands of
the command line are handed in with what they are. The chat's own commands stand here as data, each with its
help.
"""

import difflib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from cnmessage_client.chat.talk.effects import Break, Edit, Notify, Quit, RunCommand
from cnmessage_client.chat.talk.meanings import (
    Blank,
    Clear,
    Enter,
    Hint,
    Line,
    More,
    Retry,
    SendText,
    Who,
)
from cnmessage_client.ringing import NotifyLevel
from cnmessage_protocol.conversation import Conversation, Everyone, from_wire, to_wire
from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.ids import may_be_user
from cnmessage_protocol.records import recipients

DEFAULT_PAUSE = 3.0
LONGEST_PAUSE = 3600.0
"""Seconds that `break` stays away when not told, and at most."""

PROGRAM = "cnmessage"


class CommandShape(Protocol):
    """What reading needs to know of a command of the command line."""

    @property
    def text(self) -> Literal["names", "everyone"] | None:
        """To whom it sends the rest of the line as a text: the names before it, or everyone."""
        ...

    @property
    def asks(self) -> bool:
        """Whether it asks, secrets too."""
        ...

    @property
    def instead(self) -> Callable[[Sequence[str]], str | None] | None:
        """Of the words of a call that was not understood: what was likely meant."""
        ...

    @property
    def unread(self) -> str | None:
        """The option with which it shows all that waits, and marks it as read."""
        ...


Commands = Mapping[str, CommandShape]
"""Those of the command line that may be typed, by their names and aliases."""


_WORD_AND_REST = re.compile(r"(\S*)(?:[ \t]*\n|\s+|\Z)(.*)", re.DOTALL)
_QUOTED = r"""("(?:[^"\\]|\\.)*"|'[^']*')\s*"""
_ALL_QUOTED = re.compile(_QUOTED, re.DOTALL)
_NAMES_AND_QUOTED = re.compile(rf"(.*?)\s{_QUOTED}", re.DOTALL)
_OPTION = re.compile(r"--?[a-z]")


def read(line: str, conversation: Conversation | None, commands: Commands) -> Line:
    """What a line, or a pasted block, means at home (`conversation` is None) or in a conversation."""
    if not line.strip():
        return Blank()
    if conversation is None:
        text = line.lstrip()
        return _at(text, "") if text.startswith("@") else read_command(text.removeprefix("/"), "", commands)
    if line.startswith(("//", "@@")):
        return SendText((conversation,), line[1:])
    if line.startswith("@"):
        return _at(line, "/")
    if line.startswith("/"):
        return read_command(line[1:], "/", commands)
    return SendText((conversation,), line)


def word_and_rest(text: str) -> tuple[str, str]:
    """The first word, and what follows the blanks behind it; a block's indentation stays."""
    found = _WORD_AND_REST.match(text)
    return ("", text) if found is None else (found[1], found[2])


def _at(line: str, slash: str) -> Line:
    word, body = word_and_rest(line[1:])
    try:
        conversation = from_wire(word)
    except ValueError as error:
        text = ". @@ begins a text with an @" if slash else ""
        return Hint(f"'@{word}' names nobody: {error}{text}", opens=not body.strip())
    return SendText((conversation,), body) if body.strip() else Enter(conversation)


def read_command(text: str, slash: str, commands: Commands) -> Line:
    """What a command line means, without the slash before it; `slash` is how hints write it.

    A command may be typed in any case: telephones begin a line with a capital.
    """
    typed, rest = word_and_rest(text)
    if typed.lower() == PROGRAM and rest:  # hints are there to be pasted
        typed, rest = word_and_rest(rest)
    word = typed.lower()
    if not word:
        return Hint("a command follows the slash directly; // begins a text with a slash")
    command = commands.get(word)
    if command is not None and command.text is not None:
        return _send(word, rest, slash, everyone=command.text == "everyone")
    own = OWN_COMMANDS.get(OWN_ALIASES.get(word, word))
    if own is None and command is None:
        return _unknown(typed, slash, commands)
    if "\n" in text.strip() and (own is None or own.takes != "text"):
        return Hint(f"a command is one line; these are {text.strip().count(chr(10)) + 1}")
    if own is not None:
        return own.read(rest, slash) or Hint(_usage(own, slash))
    try:
        return RunCommand((word, *shlex.split(rest)))
    except ValueError:
        return Hint("a quote is not closed; for a quote as such, write \\\" or \\'")


def _unknown(word: str, slash: str, commands: Commands) -> Hint:
    near = difflib.get_close_matches(word.lower(), [*OWN_COMMANDS, *OWN_ALIASES, *sorted(commands)], 1)
    talk = "//… sends it as a text" if slash else "'to NAME' begins a conversation"
    if near:
        end = f" {talk}" if slash else ""
        return Hint(f"there is no command '{slash}{word}'; did you mean '{slash}{near[0]}'?{end}")
    return Hint(f"there is no command '{slash}{word}'; '{slash}help' lists what there is, {talk}")


def _usage(own: "OwnCommand", slash: str) -> str:
    return f"write: {slash}{own.usage}, for example: {slash}{own.example.removeprefix('/')}"


# -- messages by command ----------------------------------------------------------------------------


def _send(word: str, rest: str, slash: str, *, everyone: bool) -> Line:
    """A command that sends a text: without options the rest of the line is the text, quotes or not."""
    if _with_options(rest):
        try:
            return RunCommand((word, *shlex.split(rest)))
        except ValueError:
            return Hint(f"a quote is not closed; with options, '{slash}{word}' needs the text in quotes")
    to, body = ([to_wire(Everyone())], _unquoted(rest)) if everyone else _names_and_text(rest)
    if not to or not body.strip():
        return Hint(_how_to_send(f"{slash}{word}", [] if everyone else to, everyone=everyone))
    try:
        return SendText(recipients(to), body)
    except ProtocolError as error:
        return Hint(error.message)


def _with_options(rest: str) -> bool:
    """Whether it begins with an option, or ends with some behind a quoted text."""
    if _OPTION.match(rest):
        return True
    _, *tails = re.split("[\"']", rest)
    before, with_options = "", False
    for word in tails[-1].split() if tails else ():
        with_options = bool(_OPTION.match(word) or _OPTION.match(before))
        if not with_options:
            return False
        before = word
    return with_options


def _how_to_send(typed: str, to: Sequence[str], *, everyone: bool) -> str:
    if everyone:
        return f"say what: {typed} TEXT"
    return f"say what: {typed} {to[0]} TEXT" if to else f"say to whom and what: {typed} NAME TEXT"


def _names_and_text(rest: str) -> tuple[list[str], str]:
    """`NAME words…`, or `NAME... "text"` where a quoted text ends the line."""
    found = _NAMES_AND_QUOTED.fullmatch(rest)
    names = [] if found is None else found[1].split()
    if found is not None and all(may_be_user(name) for name in names):
        return names, _unquoted(found[2])
    name, text = word_and_rest(rest)
    return [name] if name else [], text


def _unquoted(text: str) -> str:
    """The text without the quotes around it, if they are around all of it."""
    return shlex.split(text)[0] if _ALL_QUOTED.fullmatch(text) else text


# -- the chat's own commands ------------------------------------------------------------------------


def _to(rest: str, slash: str) -> Line | None:
    words = rest.split()
    if not words:
        return Enter(None)
    if len(words) > 1:
        names = " ".join(words)
        text = f'a conversation has one name; to several at once: {slash}send {names} "TEXT"'
        return Hint(text, opens=True)
    try:
        return Enter(from_wire(words[0].removeprefix("@")))
    except ValueError as error:
        return Hint(f"'{words[0]}' cannot be a user: {error}", opens=True)


def _retry(rest: str, _: str) -> Line | None:
    return Retry(everything=bool(rest.strip())) if rest.strip().lower() in {"", "all"} else None


def _break(rest: str, _: str) -> Line | None:
    try:
        pause = float(rest or DEFAULT_PAUSE)
    except ValueError:
        return None
    return Break(pause) if 0 < pause <= LONGEST_PAUSE else None


def _notify(rest: str, _: str) -> Line | None:
    word = rest.strip().lower()
    if not word:
        return Notify(None)
    return Notify(NotifyLevel(word)) if word in set(NotifyLevel) else None


def _alone(line: Line) -> Callable[[str, str], Line | None]:
    """For a command without words of its own."""
    return lambda rest, _: None if rest.strip() else line


@dataclass(frozen=True, slots=True)
class Form:
    """Help for what a line may look like."""

    usage: str
    summary: str
    example: str


@dataclass(frozen=True, slots=True)
class OwnCommand(Form):
    """A command that only the chat has. `read` makes a line of what follows its name; None is wrong usage."""

    read: Callable[[str, str], Line | None]
    takes: Literal["user", "command", "text"] | None = None
    """What follows its name, where completion or a pasted block must know."""
    aliases: tuple[str, ...] = ()


_ALL_OWN = (
    OwnCommand(
        "to [NAME|all]",
        "Talk to one user, or to everyone online; no name: home.",
        "to bob",
        _to,
        takes="user",
    ),
    OwnCommand("home", "Leave the conversation; at home everything is shown.", "/home", _alone(Enter(None))),
    OwnCommand("who", "Tell who is online; `/users` lists the others too.", "/who", _alone(Who())),
    OwnCommand("more", "Load earlier messages, as PgUp does at the top.", "/more", _alone(More())),
    OwnCommand("retry [all]", "Send the last message that failed again, or all of them.", "/retry", _retry),
    OwnCommand(
        "edit [TEXT]", "Write the line in your $EDITOR.", "/edit", lambda rest, _: Edit(rest), takes="text"
    ),
    OwnCommand(
        "break [SECONDS]", "Cut the connection as a network fault would; it comes back.", "break 10", _break
    ),
    OwnCommand(
        f"notify [{'|'.join(NotifyLevel)}]",
        "Tell what rings, or choose it, for later chats too.",
        "/notify none",
        _notify,
    ),
    OwnCommand("clear", "Empty the screen; `/more` brings messages back.", "/clear", _alone(Clear())),
    OwnCommand(
        "help [COMMAND]",
        "List the commands, or explain one.",
        "help send",
        lambda rest, _: RunCommand(("help", *rest.split())),
        takes="command",
    ),
    OwnCommand(
        "exit",
        "Leave the chat; `/quit` and Ctrl-D do the same.",
        "exit",
        _alone(Quit()),
        aliases=("quit",),
    ),
)

OWN_COMMANDS: Mapping[str, OwnCommand] = MappingProxyType({each.usage.split()[0]: each for each in _ALL_OWN})
"""The chat's own commands by name. In a conversation each is typed with a slash before it."""

OWN_ALIASES: Mapping[str, str] = MappingProxyType(
    {alias: name for name, each in OWN_COMMANDS.items() for alias in each.aliases}
)

OWN_FORMS: tuple[Form, ...] = (
    Form("@NAME", "Talk to NAME from now on, as `/to NAME`.", "@bob"),
    Form("@NAME TEXT", "Send one message to NAME and stay where you are.", "@bob Lunch at noon?"),
    Form("/COMMAND", "In a conversation: a command.", "/history 5"),
    Form("//TEXT", "In a conversation: send a text that begins with one slash.", "//etc/hosts"),
    Form("@@TEXT", "In a conversation: send a text that begins with one @.", "@@decorator"),
)
"""What a line may also look like."""
