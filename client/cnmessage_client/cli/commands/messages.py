"""Commands about messages: send, broadcast, history, watch."""

import asyncio
import json
import subprocess
from datetime import datetime
from typing import Any

import click

from cnmessage_client.client import Client
from cnmessage_client.link.courier import new_client_id
from cnmessage_client.model import Message, Receipt, Unknown
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_client.shell.read.completion import complete_name, remember_names
from cnmessage_client.shell.read.times import Moment
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import user_name
from cnmessage_protocol.machines.states import State

_LEVELS = ("stored", "delivered", "read")
_ALL = 1_000_000
_DEFAULT_COUNT = 20
_POLL = 0.2
"""Seconds between looks at how far a message has come."""


def _sending(function: Any) -> Any:
    for option in (
        click.option(
            "--wait",
            type=click.Choice(_LEVELS),
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
    )
)
@click.argument("words", metavar="NAME... TEXT|-", nargs=-1, required=True, shell_complete=complete_name)
@_sending
@common
def send(settings: Settings, words: tuple[str, ...], wait: str, client_id: str | None) -> None:
    """Send a message to one or more users, online or not. TEXT is one argument; - reads standard input.

    `all` as the only NAME sends to everyone who is online.
    """
    *names, text = words
    if not names:
        raise usage('say to whom and what: cnmessage send NAME "TEXT"')
    try:
        _send(settings, names, text, wait, client_id)
    except CnMessageError as error:
        if len(names) > 1 and (error.code is ErrorCode.NO_SUCH_USER or not _may_be_user(names[-1])):
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
    )
)
@click.argument("text", metavar="TEXT|-")
@_sending
@common
def broadcast(settings: Settings, text: str, wait: str, client_id: str | None) -> None:
    """Send a message to everyone who is online."""
    _send(settings, [to_wire(Everyone())], text, wait, client_id)


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage history 5 --with bob",
        asks=False,
        account=False,
        moves=False,
        unread="--unread",
    )
)
@click.argument("count", metavar="[N]", type=click.IntRange(0, _ALL), required=False)
@click.option(
    "--with", "peer", metavar="NAME", shell_complete=complete_name, help="The conversation with one user."
)
@click.option("--since", type=Moment(), help="Not older than: 2026-03-01, 09:30, 15m, 2h, 3d.")
@click.option("--until", type=Moment(), help="Older than.")
@click.option(
    "--missed", is_flag=True, help="Direct messages that came while you were last offline; same as N = 0."
)
@click.option("--unread", is_flag=True, help="Only what was not read yet; marks it as read.")
@click.option("--keep", is_flag=True, help="With --unread: leave it unread.")
@common
def history(
    settings: Settings,
    count: int | None,
    peer: str | None,
    since: datetime | None,
    until: datetime | None,
    missed: bool,
    unread: bool,
    keep: bool,
) -> None:
    """Show the latest N messages you received (20), oldest first. 0: all you missed while offline."""
    missed = missed or count == 0
    limit = count or (_ALL if missed or unread else _DEFAULT_COUNT)

    async def job(client: Client) -> list[Message | Unknown]:
        found = await client.entries(
            limit,
            peer=peer,
            since=since,
            until=until,
            missed=missed,
            unread=unread,
        )
        renderer = settings.renderer
        for entry in found:
            renderer.entry(entry)
        # Only a list without holes may be marked: a mark covers all that lies below it.
        whole = peer is None and since is None and until is None and not missed
        if unread and whole and not keep and found:
            me = await client.whoami()
            if len(found) < limit or len(found) == me.unread:
                await client.mark_read(found[-1].seq)
        return found

    if not settings.run(job):
        settings.renderer.note("Nothing there.")


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage watch --json | jq -r .body",
        asks=False,
        account=False,
        moves=False,
        in_chat=False,
        long_lived=True,
    )
)
@click.option("--count", "-n", type=click.IntRange(1), help="Leave after so many messages.")
@click.option("--own", is_flag=True, help="Show also what you send from elsewhere.")
@click.option(
    "--exec",
    "hook",
    metavar="COMMAND",
    help="Run for each message, its JSON on standard input; read only when COMMAND exits 0, else watch ends.",
)
@common
def watch(settings: Settings, count: int | None, own: bool, hook: str | None) -> None:
    """Show messages as they come. Begins with the unread ones; you are online meanwhile."""

    async def job(client: Client) -> None:
        renderer = settings.renderer
        announcer = _Announcer(settings)
        client.on_state, client.on_file = announcer.moved, announcer.file_moved
        client.on_unknown = renderer.pushed
        seen = 0
        async for entry in client.follow(auto_ack=False, own=own):
            if hook is not None and isinstance(entry, Message):
                await _run_hook(hook, entry)
            renderer.entry(entry)
            seen += isinstance(entry, Message)
            if seen == count:
                await client.mark_read(entry.seq)
                return
            client.acknowledge(entry.seq)

    settings.run(job)


class _Announcer:
    """Says on stderr when the connection is lost and when it is back, and who has fetched a file of ours."""

    def __init__(self, settings: Settings) -> None:
        self._renderer = settings.renderer
        self._away = False

    def moved(self, state: State, retry_in: float) -> None:
        if state is State.WAITING:
            self._away = True
            self._renderer.note(f"connection lost; trying again in {retry_in:.1f} s")
        elif state is State.LIVE and self._away:
            self._away = False
            self._renderer.note("back")
        elif state is State.LIVE and self._renderer.for_person:
            self._renderer.note("Watching; Ctrl-C ends it.")

    def file_moved(self, news: FileState) -> None:
        if news.state == "done":
            self._renderer.note(f"{news.user} has fetched {safe_text(news.name)}")
        elif news.state == "failed":
            self._renderer.note(f"{news.user} gave up fetching {safe_text(news.name)}")


async def _run_hook(command: str, message: Message) -> None:
    line = json.dumps(message.as_json()).encode() + b"\n"
    # In a thread: asyncio's own subprocesses fail when a command does not care to read its input.
    done = await asyncio.to_thread(subprocess.run, command, shell=True, input=line, check=False)  # noqa: S604 - the user's own command
    if done.returncode != 0:
        raise CnMessageError(
            ErrorCode.PARTIAL,
            f"'{command}' exited {done.returncode} for message {message.seq}, which stays unread",
        )


def _send(settings: Settings, names: list[str], text: str, wait: str, client_id: str | None) -> None:
    body = _read_stdin(settings) if text == "-" else text
    key, fate = client_id or new_client_id(), "The message was not sent."

    async def job(client: Client) -> tuple[Receipt, str]:
        nonlocal fate
        try:
            receipt = await client.send(names, body, client_id=key)
        except asyncio.CancelledError:
            fate = client.give_up(key) or fate
            raise
        fate = "The message is stored, and will still arrive."
        if names != [to_wire(Everyone())]:
            remember_names(client.profile, [name.lower() for name in names])
        return receipt, await _wait_for(client, receipt, wait)

    try:
        receipt, reached = settings.run(job)
    except KeyboardInterrupt:
        settings.renderer.note(f"interrupted. {fate}")
        raise
    values = {
        "id": receipt.id,
        "client_id": receipt.client_id,
        "status": reached,
        "recipients": receipt.recipients,
    }
    people = "1 user" if receipt.recipients == 1 else f"{receipt.recipients} users"
    person = f"{reached.capitalize()} for {people}." if receipt.recipients else "Nobody else is online."
    fields = [receipt.id, reached, str(receipt.recipients)]
    settings.renderer.record(values, person, fields)
    if _LEVELS.index(reached) < _LEVELS.index(wait):
        text = f"stored, but not {wait} for everyone within {settings.timeout:g} s; it will still arrive"
        raise CnMessageError(ErrorCode.NOT_DELIVERED, text)


async def _wait_for(client: Client, receipt: Receipt, wait: str) -> str:
    """The level that all recipients have reached, at `wait` or when the time is up."""
    if wait == "stored" or receipt.recipients == 0:
        return wait
    loop = asyncio.get_running_loop()
    deadline = loop.time() + client.timeout
    while True:
        (delivered,) = await client.receipts([receipt.id])
        levels = [_LEVELS.index(state) for state in delivered.states.values()]
        reached = min(levels) if len(levels) >= receipt.recipients else 0
        if reached >= _LEVELS.index(wait) or loop.time() >= deadline:
            return _LEVELS[reached]
        await asyncio.sleep(_POLL)


def _may_be_user(word: str) -> bool:
    try:
        user_name(word)
    except ValueError:
        return False
    return True


def _read_stdin(settings: Settings) -> str:
    source = settings.host.stdin()
    if settings.interactive:
        settings.renderer.note("Type the message; Ctrl-D ends it, Ctrl-C gives it up.")
    try:
        text = source.read().decode()
    except UnicodeDecodeError as error:
        raise usage("standard input is not UTF-8 text") from error
    return text.removesuffix("\n")
