"""Commands that send messages: send, broadcast."""

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from cnmessage_client.client import Client
from cnmessage_client.link.courier import new_client_id
from cnmessage_client.link.requests import not_reached
from cnmessage_client.model import LEVELS, Level, Receipt
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.partial import too_many
from cnmessage_client.shell.read.completion import complete_name, remember_names
from cnmessage_client.shell.read.names import tidied
from cnmessage_client.shell.read.texts import read_all
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_client.shell.wrong_form import from_stdin, options_first
from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import may_be_user
from cnmessage_protocol.records import MAX_BODY, MAX_RECIPIENTS

_FLAGS = {"-m", "-t", "-b", "--message", "--text", "--body", "--msg", "--to", "--user"}
"""Options that other programs have for text and recipients."""


def _instead(words: Sequence[str]) -> str | None:
    if _FLAGS.isdisjoint(words):
        return None
    *names, text = [word for word in words if word not in _FLAGS]
    return shlex.join(["send", *names, text]) if names else None


def _no_text(settings: Settings, name: str) -> str:
    text = 'say to whom and what: cnmessage send NAME "TEXT"'
    if not may_be_user(name) or not settings.reads_pipe:
        return text
    return f"{text}; {from_stdin(settings, f'send {name} -')}"


def _tidied(names: Sequence[str], text: str) -> str | None:
    """The line without what people put around names, `@bob`, `bob,carol`, `bob:`; or None."""
    tidy = tidied(names)
    return None if tidy is None else shlex.join(["send", *tidy, text])


def _sending(function: Any) -> Any:
    for option in (
        click.option(
            "--wait",
            type=click.Choice(LEVELS),
            default="stored",
            help="Return once every recipient's client has it, or once they read it; exit 10 if not in time.",
        ),
        click.option("--client-id", metavar="UUID", help="The same id makes a repeated command harmless."),
    ):
        function = option(function)
    return function


@command(
    Facts(
        Section.MESSAGES,
        'cnmessage send bob carol "Lunch at noon?"',
        asks=False,
        account=False,
        moves=False,
        to_users=True,
        text="names",
        reads="send NAME -",
        usual=("msg", "message", "tell", "write", "say", "dm", "post", "mail", "notify"),
        instead=_instead,
    )
)
@click.argument("words", metavar="NAME... TEXT|-", nargs=-1, required=True, shell_complete=complete_name)
@_sending
@common
def send(settings: Settings, words: tuple[str, ...], wait: Level, client_id: str | None) -> None:
    """Send a message to one or more users, online or not. TEXT is one argument; - reads standard input.

    `all` as the only NAME sends to everyone who is online.
    """
    *given, text = words
    if not given:
        raise usage(_no_text(settings, text))
    names = list(dict.fromkeys(name.lower() for name in given))
    try:
        _send(settings, names, text, wait, client_id)
    except CnMessageError as error:
        wrong_name = error.code is ErrorCode.NO_SUCH_USER or not all(map(may_be_user, names))
        if wrong_name and (line := options_first(click.get_current_context())):
            hint = f"{error.message}. Options stand before --; write: {settings.typed(line)}"
            raise CnMessageError(error.code, hint) from error
        if (line := _tidied(given, text)) is not None:
            raise CnMessageError(error.code, f"{error.message}; write: {settings.typed(line)}") from error
        if error.code is ErrorCode.TOO_LARGE and to_wire(Everyone()) not in names:
            line = settings.typed(shlex.join(["files", "send", *given, "-", "--name", "NAME"]))
            raise CnMessageError(error.code, f"{error.message}; send it as a file: {line}") from error
        if len(names) > 1 and (error.code is ErrorCode.NO_SUCH_USER or not may_be_user(names[-1])):
            hint = f"{error.message}. If '{names[-1]}' belongs to the text, put the text in quotes"
            raise CnMessageError(error.code, hint) from error
        raise


@command(
    Facts(
        Section.MESSAGES,
        'cnmessage broadcast "The printer works again"',
        asks=False,
        account=False,
        moves=False,
        text="everyone",
        reads="broadcast -",
        usual=("announce", "wall", "shout"),
    )
)
@click.argument("text", metavar="TEXT|-")
@_sending
@common
def broadcast(settings: Settings, text: str, wait: Level, client_id: str | None) -> None:
    """Send a message to everyone who is online."""
    _send(settings, [to_wire(Everyone())], text, wait, client_id)


def _send(settings: Settings, names: list[str], text: str, wait: Level, client_id: str | None) -> None:
    if len(names) > MAX_RECIPIENTS:
        raise usage(too_many(settings, len(names), 'send "$@" "$0"', "a message", text))
    body = _read_stdin(settings) if text == "-" else text
    sending = _Sending(settings, names, wait)
    try:
        settings.run(lambda client: sending.job(client, body, client_id))
    except KeyboardInterrupt:
        sending.stopped()
        raise
    sending.tell()


class _Sending:
    """One run of the command."""

    def __init__(self, settings: Settings, names: list[str], wait: Level) -> None:
        self._settings = settings
        self._names = names
        self._wait = wait
        self._reached: Level = "stored"
        self._receipt: Receipt | None = None
        self._fate = "The message was not sent."
        self._trouble: CnMessageError | None = None

    async def job(self, client: Client, body: str, client_id: str | None) -> None:
        """Send, and wait for what was asked for. What goes wrong once it is stored is kept for the end."""
        key = new_client_id() if client_id is None else client_id
        try:
            receipt = self._receipt = await client.send(self._names, body, client_id=key)
        except asyncio.CancelledError:
            self._fate = client.give_up(key) or self._fate
            raise
        if self._names != [to_wire(Everyone())]:
            remember_names(client.profile, [name.lower() for name in self._names])
        if self._wait == "stored":
            return
        try:
            with suppress(BrokenPipeError):  # nobody hears the answer; the receipt cannot be printed either
                waiting = client.reached_by(receipt, self._wait)
                self._reached = await self._settings.host.while_read(waiting)
        except CnMessageError as error:
            self._trouble = error

    def stopped(self) -> None:
        """It was interrupted: say what became of the message."""
        if self._receipt is None:
            self._settings.renderer.note(f"interrupted. {self._fate}")
            return
        self._record()
        self._settings.renderer.note("Stopped waiting. The message is stored, and may still arrive.")

    def tell(self) -> None:
        """Print the receipt; NOT_DELIVERED when it has not come as far as was asked for."""
        self._record()
        if LEVELS.index(self._reached) < LEVELS.index(self._wait):
            reason = "" if self._trouble is None else self._trouble.message
            text = not_reached(self._wait, self._settings.timeout, reason)
            raise CnMessageError(ErrorCode.NOT_DELIVERED, f"{text}{self._go_on()}") from self._trouble

    def _go_on(self) -> str:
        """How to wait longer for what was sent: the same for who is away and who does not want to hear."""
        if self._receipt is None:
            return ""
        return f"; to wait longer, type the same again with --client-id {self._receipt.client_id}"

    def _record(self) -> None:
        receipt, reached = self._receipt, self._reached
        if receipt is None:
            return
        values = {
            "id": receipt.id,
            "client_id": receipt.client_id,
            "status": reached,
            "recipients": receipt.recipients,
        }
        people = "1 user" if receipt.recipients == 1 else f"{receipt.recipients} users"
        person = f"{reached.capitalize()} for {people}." if receipt.recipients else "Nobody else is online."
        try:
            self._settings.renderer.done(values, person, [receipt.id, reached, str(receipt.recipients)])
        except OSError as error:
            text = f"the message is stored; only its receipt could not be printed ({error.strerror})"
            raise CnMessageError(ErrorCode.STORAGE, f"{text}. Do not send it again") from error


def _read_stdin(settings: Settings) -> str:
    source = settings.host.stdin()
    if settings.interactive:
        settings.renderer.note("Type the message; Ctrl-D ends it, Ctrl-C gives it up.")
    return read_all(source, "standard input", MAX_BODY).removesuffix("\n")
