"""The group `files`: listing, taking back, giving up. `send` and `get` have files of their own."""

import contextlib
import shlex
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from cnmessage_client.cli.commands import get_files as fetching
from cnmessage_client.cli.commands import send_files as sending
from cnmessage_client.cli.commands.getting import no_such_file, stdout_folder
from cnmessage_client.client import Client
from cnmessage_client.model import FileInfo
from cnmessage_client.shell.command import Facts, Section, group
from cnmessage_client.shell.out.listing import HEADS, can_be_fetched, file_row
from cnmessage_client.shell.out.render import SHORT_ID
from cnmessage_client.shell.partial import Failures
from cnmessage_client.shell.read.completion import (
    complete_sent,
    complete_unfinished,
    forget_files,
    remember_files,
)
from cnmessage_client.shell.read.named_file import Named
from cnmessage_client.shell.read.which_file import the_one
from cnmessage_client.shell.settings import Settings, common
from cnmessage_client.transfer.names import part_ending
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import may_be_user

_LIVE = {"uploading", "stored"}


def _words(complete: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("words", metavar="NAME-or-ID...", nargs=-1, required=True, shell_complete=complete)


def _instead(words: Sequence[str]) -> str:
    """A file's name or id that shall be fetched, or users and a file that is here."""
    *names, last = words
    sends = Path(last).exists() and names and all(map(may_be_user, names))
    return shlex.join(["files", "send" if sends else "get", *words])


@group(
    Facts(
        Section.FILES,
        "cnmessage files",
        asks=False,
        account=False,
        moves=False,
        usual=("file",),
        instead=_instead,
    )
)
@common
def files(settings: Settings) -> None:
    """Send files, fetch those sent to you, and see how far each is."""


files.add_command(sending.send)
files.add_command(fetching.get)


@files.command(
    "list",
    facts=Facts(
        Section.FILES,
        "cnmessage files list --sent",
        asks=False,
        account=False,
        moves=False,
        usual=("ls", "show", "status"),
    ),
)
@click.option("--sent", is_flag=True, help="Only those you sent.")
@click.option("--received", is_flag=True, help="Only those sent to you.")
@common
def list_files(settings: Settings, sent: bool, received: bool) -> None:
    """List files, the latest first, with how far each recipient is."""
    both = sent is received
    _list(settings, sent=sent or both, received=received or both)


@files.command(
    facts=Facts(
        Section.FILES,
        "cnmessage files rm report.pdf 1a2b3c4d",
        asks=False,
        account=False,
        moves=False,
        usual=("remove", "delete", "del", "withdraw", "revoke"),
    )
)
@_words(complete_sent)
@common
def rm(settings: Settings, words: Sequence[str]) -> None:
    """Take back files you sent, by name or id: nobody can fetch them any more. Who has one keeps it."""

    async def job(client: Client) -> None:
        sent = await client.files(sent=True)
        remember_files(client.profile, sent=sent)

        async def withdraw(word: str) -> FileInfo:
            info = the_one(word, sent, lambda each: each.state in _LIVE)
            if info is None:
                raise no_such_file(settings, word, "that you sent")
            await client.withdraw_file(info.id)
            return info

        await _each(settings, client, words, withdraw, "withdrawn")

    settings.run(job)


@files.command(
    facts=Facts(
        Section.FILES,
        "cnmessage files cancel report.pdf 1a2b3c4d",
        asks=False,
        account=False,
        moves=False,
        usual=("decline", "reject", "stop", "abort"),
    )
)
@_words(complete_unfinished)
@click.option(
    "--output",
    "-o",
    metavar="DIR",
    default=".",
    type=Named(file_okay=False),
    help="Where it was to be put; what is there of it is removed.  [default: here]",
)
@common
def cancel(settings: Settings, words: Sequence[str], output: str) -> None:
    """Give up transfers, by name or id: an upload that is not finished, or a file you do not want.

    Who sent a file that you do not want is told.
    """

    async def job(client: Client) -> None:
        sent, received = await client.files(sent=True), await client.files(sent=False)
        remember_files(client.profile, sent=sent, received=received)
        theirs = {each.id: each for each in received}
        every = [*received, *(each for each in sent if each.id not in theirs)]

        def open_still(info: FileInfo) -> bool:
            return can_be_fetched(info) if info.id in theirs else info.state == "uploading"

        async def give_up(word: str) -> FileInfo:
            info = the_one(word, every, open_still)
            if info is None:
                raise no_such_file(settings, word)
            if info.id in theirs:
                if any(each.state == "done" for each in info.recipients):
                    raise _too_late(f"'{info.name}' is fetched already; remove the file itself")
                await client.decline_file(info.id)  # first: another command may be writing the part
                _remove_parts(client, info, Path(output))
            elif info.state in {"stored", "expired"}:
                how = settings.typed(f"files rm {info.id[:SHORT_ID]}")
                raise _too_late(f"'{info.name}' is sent already; take it back with: {how}")
            else:
                await client.withdraw_file(info.id)
            return info

        await _each(settings, client, words, give_up, "cancelled")

    settings.run(job)


def _list(settings: Settings, *, sent: bool, received: bool) -> None:
    async def job(client: Client) -> tuple[list[FileInfo], list[FileInfo]]:
        mine = await client.files(sent=True) if sent else []
        theirs = await client.files(sent=False) if received else []
        remember_files(client.profile, sent=mine if sent else None, received=theirs if received else None)
        return mine, theirs

    renderer = settings.renderer
    mine, theirs = settings.run(job)
    both = [(each, True) for each in mine] + [(each, False) for each in theirs]
    if not both:
        renderer.note("Nothing there.")
        return
    both.sort(key=lambda pair: pair[0].time, reverse=True)
    renderer.table(HEADS, [file_row(renderer, info, sent=own) for info, own in both])
    if renderer.for_person and any(can_be_fetched(each) for each in theirs):
        renderer.note(f"Fetch what is offered with: {settings.typed('files get --all')}")


async def _each(
    settings: Settings,
    client: Client,
    words: Sequence[str],
    act: Callable[[str], Awaitable[FileInfo]],
    status: str,
) -> None:
    """Do it to each file that a word means, which `act` gives."""
    words = list(dict.fromkeys(words))
    failures, done = Failures(settings, len(words)), list[str]()
    for word in words:
        try:
            info = await act(word)
        except CnMessageError as error:
            failures.add(error)
        else:
            done.append(info.id)
            values = {"id": info.id, "name": info.name, "status": status}
            settings.renderer.done(values, f"{info.name}: {status}", (info.id, info.name, status))
    forget_files(client.profile, done)
    failures.raise_if_any()


def _too_late(text: str) -> CnMessageError:
    return CnMessageError(ErrorCode.CONFLICT, text)


def _remove_parts(client: Client, info: FileInfo, directory: Path) -> None:
    ending = part_ending(UUID(info.id).bytes)
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            if path.name.startswith(".") and path.name.endswith(ending):
                path.unlink()
    shutil.rmtree(stdout_folder(client.profile, info.id), ignore_errors=True)
