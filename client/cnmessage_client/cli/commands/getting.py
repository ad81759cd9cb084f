"""One run of `files get`: which files are meant, where they go, what is said of each. Knows no option."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from cnmessage_client.client import Client
from cnmessage_client.model import FileInfo, TransferProgress
from cnmessage_client.private import private_folder
from cnmessage_client.profile import Profile
from cnmessage_client.shell.out.listing import can_be_fetched
from cnmessage_client.shell.out.progress import ProgressView
from cnmessage_client.shell.out.render import SHORT_ID, in_units
from cnmessage_client.shell.partial import Failures
from cnmessage_client.shell.read.completion import forget_files, remember_files
from cnmessage_client.shell.read.which_file import STDIN, by_id, by_name, full_id, without_count
from cnmessage_client.shell.receipts import tell_fetched
from cnmessage_client.shell.settings import Settings
from cnmessage_client.transfer.names import safe_name
from cnmessage_client.transfer.places import distinct, free_places
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import normal

_GONE = {ErrorCode.EXPIRED, ErrorCode.WITHDRAWN, ErrorCode.NO_SUCH_FILE}


class Options(Struct, frozen=True):
    """Which files, and where to."""

    words: tuple[str, ...]
    every: bool
    output: str
    force: bool
    skip_existing: bool
    preserve: bool
    counted: bool = False
    """Whether the words may begin with how many there are."""


class _Wanted(Struct, frozen=True):
    """One file to fetch, into `place`; without `info` the broker knows more."""

    id: str
    info: FileInfo | None
    place: str | None = None

    @property
    def name(self) -> str | None:
        """What it will be called here, as far as that is known."""
        return self.place or (None if self.info is None else self.info.name)


class Getting:
    """One run of the command."""

    def __init__(self, settings: Settings, order: Options) -> None:
        self._settings = settings
        self._order = order
        self._verified: list[tuple[str, Path]] = []
        self._here: set[str] = set()

    async def job(self, client: Client) -> None:
        """Find out what is meant, and fetch it."""
        received = await client.files(sent=False)
        remember_files(client.profile, received=received)
        words = self._order.words
        if self._order.counted:
            words = tuple(without_count(words, lambda word: bool(by_name(word, received))))
        if self._order.every:
            wanted = [_Wanted(each.id, each) for each in received if can_be_fetched(each)]
            failures = Failures(self._settings, len(wanted))
        else:
            words = tuple(dict.fromkeys(words))
            failures = Failures(self._settings, len(words))
            wanted = await self._found(client, words, received, failures)
            failures.count -= len(words) - failures.failed - len(wanted)  # one file may have been named twice
        if not wanted and self._order.every:
            self._settings.renderer.note("Nothing is waiting for you.")
            return
        with self._settings.host.view(self._settings.renderer, "receiving", len(wanted)) as view:
            if self._order.output == STDIN:
                for each in wanted:
                    await self._attempt(client, each, view, failures)
            else:
                named = await asyncio.to_thread(_named, wanted, received, self._order)
                await self._at_once(client, named, view, failures)
        await tell_fetched(client, self._here)
        failures.raise_if_any()

    async def _found(
        self, client: Client, words: Sequence[str], received: list[FileInfo], failures: Failures
    ) -> list[_Wanted]:
        wanted: dict[str, _Wanted] = {}
        sent: list[FileInfo] | None = None
        for word in words:
            try:
                info = by_id(word, received)
                if info is None and (named := by_name(word, received)):
                    info = next((each for each in named if each.state == "stored"), named[0])
                    self._say_which(word, info, named)
                if info is None:
                    sent = await client.files(sent=True) if sent is None else sent
                    info = by_id(word, sent)
                identity = full_id(word) if info is None else info.id
                if identity is None:
                    raise no_such_file(self._settings, word)
            except CnMessageError as error:
                failures.add(error)
            else:
                wanted[identity] = _Wanted(identity, info)
        return list(wanted.values())

    def _say_which(self, word: str, info: FileInfo, named: Sequence[FileInfo]) -> None:
        if len(named) > 1:
            which = "the newest" if info is named[0] else "the newest that is still there"
            others = f"there are {len(named)} files called '{word}'; taking {which}, {info.id[:SHORT_ID]}"
            how = self._settings.typed("files list --received")
            self._settings.renderer.note(f"{others}; '{how}' shows the others")

    async def _at_once(
        self, client: Client, wanted: Sequence[_Wanted], view: ProgressView, failures: Failures
    ) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for each in wanted:
                    group.create_task(self._attempt(client, each, view, failures))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    async def _attempt(self, client: Client, wanted: _Wanted, view: ProgressView, failures: Failures) -> None:
        try:
            if self._order.output == STDIN:
                await self._to_stdout(client, wanted, view)
            else:
                await self._to_directory(client, wanted, view)
        except CnMessageError as error:
            if error.code in _GONE:
                forget_files(client.profile, [wanted.id])
            failures.add(error)

    async def _to_directory(self, client: Client, wanted: _Wanted, view: ProgressView) -> None:
        try:
            path = await client.get_file(
                wanted.id,
                Path(self._order.output),
                name=wanted.name,
                overwrite=self._order.force,
                offered=wanted.info,
                preserve=self._order.preserve,
                progress=_following(view, wanted),
            )
        except CnMessageError as error:
            if error.code is not ErrorCode.EXISTS or not self._order.skip_existing:
                raise
            self._tell(wanted, None)
        else:
            self._here.add(wanted.id)
            self._tell(wanted, path)

    async def _to_stdout(self, client: Client, wanted: _Wanted, view: ProgressView) -> None:
        """Into a folder of our own, so that nothing is printed before all of it is here and verified."""
        folder = stdout_folder(client.profile, wanted.id)
        private_folder(folder)
        progress = _following(view, wanted)
        path = await client.get_file(
            wanted.id,
            folder,
            name=wanted.name,
            overwrite=True,
            confirm=False,
            offered=wanted.info,
            progress=progress,
        )
        self._verified.append((wanted.id, path))

    def print_verified(self, stdout: BinaryIO | None) -> None:
        """Print what was fetched for standard output, in order. Not on the event loop: a pipe may be slow."""
        if stdout is None:
            return
        printed: list[str] = []
        try:
            for identity, path in self._verified:
                with path.open("rb") as file:
                    self._settings.renderer.bytes_of(file, stdout)
                printed.append(identity)
        finally:
            for _, path in self._verified:
                shutil.rmtree(path.parent, ignore_errors=True)
            if printed:
                self._settings.run(lambda client: _confirmed(client, printed))

    def _tell(self, wanted: _Wanted, path: Path | None) -> None:
        """A file is here, or, without a path, something of its name was here already."""
        info = wanted.info
        name, size = ("", 0) if info is None else (info.name, info.size)
        if info is None and path is not None:
            name, size = path.name, path.stat().st_size
        sha256 = "" if info is None else info.sha256 or ""
        status = "skipped" if path is None else "fetched"
        place, saved = ("", "") if path is None else (str(path), path.parent.resolve() / path.name)
        values = {
            "id": wanted.id,
            "name": name,
            "size": size,
            "sha256": sha256,
            "status": status,
            "path": place or None,
        }
        where = (
            "skipped, there is another file of that name" if path is None else f"fetched, saved as {saved}"
        )
        self._settings.renderer.record(
            values,
            f"{name or wanted.id}, {in_units(size)}: {where}",
            (wanted.id, name, str(size), sha256, status, place),
        )
        if info is not None and path is not None and (safe := safe_name(info.name)) != normal(info.name):
            why = "a name must neither hide a file nor be taken for something else"
            self._settings.renderer.note(f"'{info.name}' is called '{safe}' here: {why}")


async def _confirmed(client: Client, identities: Sequence[str]) -> None:
    """Say that these are fetched: only now has whatever reads our output taken them."""
    for identity in identities:
        await client.confirm_file(identity)
    await tell_fetched(client, identities)


def no_such_file(settings: Settings, word: str, which: str = "for you") -> CnMessageError:
    """The error for a word that means no file."""
    hint = f"'{settings.typed('files')}' lists what there is"
    return CnMessageError(ErrorCode.NO_SUCH_FILE, f"there is no file '{word}' {which}; {hint}")


def stdout_folder(profile: Profile, identity: str) -> Path:
    """Where a file waits for its verification on the way to standard output."""
    return profile.outbox.with_name("fetching") / identity


def _named(wanted: Sequence[_Wanted], received: Sequence[FileInfo], order: Options) -> list[_Wanted]:
    """Each with a name of its own, so that none takes another's place. Looks at what is there."""
    offered = [each.info for each in wanted if each.info is not None]
    if order.every and not order.force and not order.skip_existing:
        places = iter(free_places(offered, received, Path(order.output)))
    else:
        places = iter(distinct(safe_name(each.name) for each in offered))
    return [each if each.info is None else replace(each, place=next(places)) for each in wanted]


def _following(view: ProgressView, wanted: _Wanted) -> Any:
    """Shows progress under the name it was listed with, and with its size, before the broker says so."""
    info = wanted.info

    def moved(progress: TransferProgress) -> None:
        if info is not None:
            progress = replace(progress, name=wanted.name or progress.name, size=progress.size or info.size)
        view.moved(wanted.id, progress)

    return moved
