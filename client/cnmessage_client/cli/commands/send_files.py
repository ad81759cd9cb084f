"""Sending files: `files send` and `sendfile`, what standard input becomes, and waiting until all have it."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from cnmessage_client.cli.commands.unsent import Order, explained
from cnmessage_client.client import Client
from cnmessage_client.model import FileInfo, FilesError, SentFile, TransferProgress
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.out.render import SHORT_ID, in_units
from cnmessage_client.shell.partial import Failures, too_many
from cnmessage_client.shell.read.completion import (
    complete_name,
    complete_name_or_path,
    known_names,
    remember_names,
)
from cnmessage_client.shell.read.names import Someone
from cnmessage_client.shell.read.spool import spool
from cnmessage_client.shell.read.times import Span
from cnmessage_client.shell.read.which_file import STDIN, split_words, without_count
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_client.shell.wrong_form import from_stdin
from cnmessage_client.transfer.names import is_text, sent_name
from cnmessage_client.transfer.places import distinct
from cnmessage_protocol.conversation import Everyone, on_screen
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import may_be_user
from cnmessage_protocol.records import MAX_RECIPIENTS

RESUME = "Stopped. What is done is kept: the same command again goes on from there."

_POLL = 0.5
"""Seconds between looks at who has fetched."""

_RESTING = {"done", "failed", "expired"}


class _Options(Order, frozen=True):
    """What is sent to whom, and how."""

    paths: list[str]
    note: str
    expires: timedelta | None
    file_name: str | None
    wait: str
    snapshot: bool


def _sending(function: Any) -> Any:
    for option in (
        click.option(
            "--wait",
            type=click.Choice(("stored", "fetched")),
            default="stored",
            help="Return once every recipient has it; exit 10 when nobody fetches any more for --timeout.",
        ),
        click.option(
            "--name", "file_name", metavar="NAME", help="What to call it; needed for -, which has none."
        ),
        click.option(
            "--snapshot",
            is_flag=True,
            help="Send a file that grows, as a log does, as it is now; else one that changes is refused.",
        ),
        click.option("--expires", type=Span(), metavar="SPAN", help="Keep it for: 90s, 15m, 2h, 7d, 2w."),
        click.option("--note", default="", metavar="TEXT", help="A few words that come with it."),
    ):
        function = option(function)
    return function


@command(
    Facts(
        Section.FILES,
        'cnmessage files send bob carol report.pdf --note "Please check page 3"',
        asks=False,
        account=False,
        moves=True,
        to_users=True,
        reads="files send NAME - --name FILE",
        usual=("upload", "put", "attach", "offer", "add"),
    )
)
@click.argument(
    "words", metavar="NAME... PATH...|-", nargs=-1, required=True, shell_complete=complete_name_or_path
)
@click.option(
    "--to",
    "names",
    multiple=True,
    metavar="NAME",
    type=Someone(),
    shell_complete=complete_name,
    help="A recipient; with it, all words are paths. May be repeated.",
)
@_sending
@common
def send(settings: Settings, words: tuple[str, ...], names: tuple[str, ...], **options: Any) -> None:
    """Send files to one or more users, online or not. - sends standard input, under --name.

    Each file is stored once and offered to all. Cut off, the same command goes on where it stopped.
    """
    paths, to = list(words), list(names)
    if not names:
        try:
            to, paths = split_words(words, known_names(settings.client().profile))
        except CnMessageError as error:
            if len(words) > 1 or not may_be_user(words[0]) or not settings.reads_pipe:
                raise
            hint = from_stdin(settings, f"files send {words[0]} - --name FILE")
            raise CnMessageError(error.code, f"{error.message}; {hint}") from error
    _send(settings, _Options(names=to, paths=paths, guessed=not names, many=True, **options))


@command(
    Facts(
        Section.FILES,
        "cnmessage sendfile bob report.pdf figures.csv",
        asks=False,
        account=False,
        moves=True,
        to_users=True,
        reads="sendfile NAME - --name FILE",
    )
)
@click.argument("name", metavar="NAME", type=Someone(), shell_complete=complete_name)
@click.argument("words", metavar="[N] PATH...|-", nargs=-1, required=True, type=click.Path())
@_sending
@common
def sendfile(settings: Settings, name: str, words: tuple[str, ...], **options: Any) -> None:
    """Send files to one user: `files send` for a single NAME. N, how many follow, may be left out."""
    _send(settings, _Options(names=[name], paths=without_count(words), guessed=False, many=False, **options))


def _send(settings: Settings, order: _Options) -> None:
    _check(settings, order)
    with _spooled(settings, order) as paths:
        run = _Sending(settings, order)
        try:
            settings.run(lambda client: run.job(client, paths))
        except (KeyboardInterrupt, BrokenPipeError) as end:
            if isinstance(end, KeyboardInterrupt) or run.when_stopped != RESUME:
                settings.renderer.note(run.when_stopped)
            raise


def _check(settings: Settings, order: _Options) -> None:
    if len(order.names) > MAX_RECIPIENTS:
        raise usage(too_many(settings, len(order.names), 'files send "$@" "$0"', "a file", order.paths[0]))
    if order.paths.count(STDIN) > 1:
        raise usage("'-' can be sent once; standard input can be read only once")
    if STDIN in order.paths and order.file_name is None:
        raise usage("say what to call it: cnmessage files send NAME - --name NAME")
    if order.file_name is not None and STDIN not in order.paths and len(order.paths) > 1:
        raise usage("--name is for one file or for '-'; send the files one by one to rename each")
    if order.file_name == "":
        raise usage("--name is empty; say what to call it")
    if "/" in (order.file_name or ""):
        raise usage(f"--name is a name and no path: '{order.file_name}' must not hold '/'")
    if "" in order.paths:
        raise usage("an empty word is no path; name the file to send")
    for each in [order.file_name] if order.file_name else map(os.path.basename, order.paths):
        if not is_text(each):
            raise usage(f"the name {os.fsencode(each)!r} is not UTF-8 text; send it by itself, with --name")
    for name in order.names:
        if name.lower() == on_screen(Everyone()):
            raise usage(f"a file goes to users by name; '{name}', everyone, cannot receive one")


class _Sending:
    """One run of the command."""

    def __init__(self, settings: Settings, order: _Options) -> None:
        self._settings = settings
        self._order = order
        self.when_stopped = RESUME

    async def job(self, client: Client, paths: list[str]) -> None:
        """Send, print what became of each, and wait if that was asked for."""
        order = self._order
        failures = Failures(self._settings, len(paths))
        names = _file_names(order)
        sizes = {name: _size(path) for name, path in zip(names, paths, strict=True)}
        with self._settings.host.view(self._settings.renderer, "sending", len(paths)) as view:

            def moved(progress: TransferProgress) -> None:
                # Those that wait count in the total too.
                view.moved(
                    progress.name, replace(progress, size=progress.size or sizes.get(progress.name, 0))
                )

            stored, failed = await _sent(
                client.send_files(
                    order.names,
                    paths,
                    note=order.note,
                    expires=order.expires,
                    names=names,
                    snapshot=order.snapshot,
                    progress=moved,
                )
            )
        if stored:
            remember_names(client.profile, [name.lower() for name in order.names])
        late = 0
        if order.wait == "fetched":
            late = await self._settings.host.while_read(self._wait(client, stored))
        else:
            for file in stored:
                self._tell(file, "stored")
        for each in failed:
            failures.add(explained(self._settings, each, paths[names.index(each.name)], order))
        failures.raise_if_any()
        if late:
            how = f"see how far each is with: {self._settings.typed('files list --sent')}"
            text = f"stored, but {late} of {len(stored)} not fetched by everyone; {how}"
            raise CnMessageError(ErrorCode.NOT_DELIVERED, text)

    async def _wait(self, client: Client, stored: Sequence[SentFile]) -> int:
        """Print each file once all have it or no more will happen; gives how many somebody does not have.

        The time begins again whenever a recipient gets on.
        """
        self.when_stopped = "Stopped waiting. What was sent is stored, and still offered."
        clock = asyncio.get_running_loop().time
        waiting = {each.id: each for each in stored}
        late, deadline = 0, clock() + client.timeout
        furthest: dict[tuple[str, str], tuple[bool, int]] = {}
        try:
            while waiting:
                infos = {each.id: each for each in await client.files(sent=True) if each.id in waiting}
                if _got_on(infos.values(), furthest):
                    deadline = clock() + client.timeout
                over = clock() >= deadline
                for identity, file in list(waiting.items()):
                    info = infos.get(identity)
                    states = set() if info is None else {each.state for each in info.recipients}
                    if over or states <= _RESTING or info is None or info.state != "stored":
                        all_have_it = states == {"done"}
                        late += not all_have_it
                        del waiting[identity]
                        self._tell(file, "fetched" if all_have_it else "stored")
                if waiting:
                    await asyncio.sleep(_POLL)
        finally:
            for file in waiting.values():
                self._tell(file, "stored")
        return late

    def _tell(self, file: SentFile, status: str) -> None:
        values = {
            "id": file.id,
            "name": file.name,
            "size": file.size,
            "sha256": file.sha256,
            "status": status,
            "message": file.message,
            "recipients": file.recipients,
        }
        people = "1 user" if file.recipients == 1 else f"{file.recipients} users"
        short = file.id[:SHORT_ID]
        person = f"{file.name}, {in_units(file.size)}: {status} for {people}, id {short}"
        line = (file.id, file.name, str(file.size), file.sha256, status, str(file.recipients))
        self._settings.renderer.record(values, person, line)


async def _sent(sending: Awaitable[list[SentFile]]) -> tuple[list[SentFile], list[SentFile]]:
    """Those that were stored, and those that were not."""
    try:
        return await sending, []
    except FilesError as error:
        return error.sent, error.failed


def _got_on(infos: Iterable[FileInfo], furthest: dict[tuple[str, str], tuple[bool, int]]) -> bool:
    """Whether a recipient is further than it ever was: it rests, or has more bytes. Both have an end."""
    got_on = False
    for info in infos:
        for each in info.recipients:
            key = (info.id, each.name)
            now = (each.state in _RESTING, min(each.bytes, info.size))
            if now > furthest.get(key, (False, -1)):
                furthest[key], got_on = now, True
    return got_on


def _file_names(order: _Options) -> list[str]:
    """What to call them: as the paths say, with a number in a name that comes again."""
    own, renamed = order.file_name, STDIN if STDIN in order.paths else order.paths[0]
    return distinct(
        sent_name(own if own is not None and path == renamed else Path(path).name) for path in order.paths
    )


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


@contextlib.contextmanager
def _spooled(settings: Settings, order: _Options) -> Iterator[list[str]]:
    """The paths to send; for the time of it, standard input is one of them."""
    if STDIN not in order.paths:
        yield order.paths
        return
    source = settings.host.stdin()
    if settings.interactive:
        settings.renderer.note("Type the content; Ctrl-D ends it, Ctrl-C gives it up.")
    folder = settings.client().profile.outbox.with_name("spool")
    path = spool(source, folder, repr((order.names, order.note, order.file_name)))
    try:
        yield [str(path) if each == STDIN else each for each in order.paths]
    finally:
        path.unlink(missing_ok=True)
