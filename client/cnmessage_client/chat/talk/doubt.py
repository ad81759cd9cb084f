"""Machine: whether a message goes out as it is, only after a yes, or not at all."""

from dataclasses import dataclass
from typing import assert_never

from cnmessage_client.chat.talk.lines import PROGRAM
from cnmessage_protocol.conversation import Conversation, Direct, Everyone, on_screen
from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.records import MAX_BODY, check_body, utf8_size

MOST_LINES = 10
"""Lines that go out unasked."""

_SHOWN = 40
"""Characters of a text that is asked about."""

YES = frozenset({"y", "yes"})
NO = frozenset({"", "n", "no"})


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked before a message goes out, or a file in its place."""

    text: str
    to: tuple[Conversation, ...]
    body: str
    as_file: bool


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why the message cannot go out, and what to do instead. `strays`: so may the lines behind it."""

    text: str
    strays: bool = False


def doubt(
    to: tuple[Conversation, ...], body: str, *, can_ask: bool, like_command: bool
) -> Question | Hindrance | None:
    """What stands against sending this, if anything. Without `can_ask` nobody would answer a question.

    `like_command`: it is a command as well, whose slash was perhaps forgotten. Where nobody can say what was
    meant, it is neither: the next lines may be for whomever it was to turn to.
    """
    try:
        size = utf8_size(body)
    except UnicodeEncodeError:
        return Hindrance("the message is not UTF-8 text; it was not sent. Convert it to UTF-8 first")
    if size > MAX_BODY:
        return _too_large(to, body, size, can_ask=can_ask)
    try:
        check_body(body)
    except ProtocolError as error:
        return Hindrance(error.message)
    if like_command:
        line = body.strip()
        line = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
        command = in_small(line)
        if not can_ask:
            text = (
                f"'{line}' is a command without its slash, and was not sent; write '/{command}', or, to send "
                f"it as text, '@{on_screen(to[0])} {line}'"
            )
            return Hindrance(text, strays=True)
        text = (
            f"Send '{line}' as text to {in_words(to)}? In a conversation the command is '/{command}'. [y/N]"
        )
        return Question(text, to, body, as_file=False)
    lines = body.count("\n") + 1
    if lines > MOST_LINES and can_ask:
        text = f"Send {lines} lines to {in_words(to)} as one message? [y/N]"
        return Question(text, to, body, as_file=False)
    return None


def in_small(line: str) -> str:
    """The line with the command's name, and the program's before it, as they are written."""
    word, rest = line.split(maxsplit=1)[0], line.split(maxsplit=1)[1:]
    if word.lower() == PROGRAM and rest:
        return f"{PROGRAM} {in_small(rest[0])}"
    return line.replace(word, word.lower(), 1)


def _too_large(to: tuple[Conversation, ...], body: str, size: int, *, can_ask: bool) -> Question | Hindrance:
    much = f"the message has {size} bytes, and a message may have {MAX_BODY}"
    if Everyone() in to:
        return Hindrance(f"{much}; a file cannot go to everyone either: split it")
    if not can_ask:
        names = " ".join(map(on_screen, to))
        return Hindrance(f"{much}; it was not sent. Put it in a file and use: /files send {names} PATH")
    text = f"{much[0].upper()}{much[1:]}; send it to {in_words(to)} as a file? [y/N]"
    return Question(text, to, body, as_file=True)


def in_words(to: tuple[Conversation, ...]) -> str:
    """Whom a message goes to, for a sentence."""
    return ", ".join(map(_in_words, to))


def _in_words(conversation: Conversation) -> str:
    match conversation:
        case Direct(name):
            return name
        case Everyone():
            return "everyone online"
        case _ as never:
            assert_never(never)
