"""One run of `export`: messages in a form, to a file or standard output, and copies of files beside.

Each message is written before the next page is asked for, so that any number of them takes the same memory.
Knows no option.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from cnmessage_client.client import Client
from cnmessage_client.model import Message, MessageFile, TransferProgress
from cnmessage_client.private import written_whole
from cnmessage_client.shell.out.document import Copy, Document
from cnmessage_client.shell.out.progress import Lines
from cnmessage_client.shell.read.times import When
from cnmessage_client.shell.read.which_time import span_of
from cnmessage_client.shell.settings import Settings, usage
from cnmessage_client.transfer.copies import Copies
from cnmessage_client.transfer.disk import disk_error, sync_directory
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_MISSING = {
    ErrorCode.EXPIRED: "expired",
    ErrorCode.WITHDRAWN: "withdrawn",
    ErrorCode.NO_SUCH_FILE: "no longer there",
    ErrorCode.INTEGRITY: "damaged",
}
"""Why one file cannot be had, while others can; whatever else goes wrong ends the export."""

_TOGETHER = 1 << 15
"""Characters that are written together."""

_MOST_NAMED = 10
"""Files that are named at the end, of those that are missing."""


Write = Callable[[bytes], Awaitable[object]]


class Order(Struct, frozen=True):
    """What is exported, and where to. Without an `output` it is standard output."""

    names: tuple[str, ...]
    since: When | None
    until: When | None
    form: str
    output: Path | None
    force: bool
    files: Path | None


class Exporting:
    """One run of the command."""

    def __init__(self, settings: Settings, order: Order, document: Document) -> None:
        self._settings = settings
        self._order = order
        self._document = document
        self._copied: set[str] = set()
        self._missing: list[str] = []
        self._files = 0
        self.messages = 0

    async def job(self, client: Client, write: Write) -> None:
        """Write all there is by now, some of it at a time."""
        order, document = self._order, self._document
        since, until = await span_of(client, order.since, order.until)
        copies = None if order.files is None else self._copies(client, order.files)
        title = await self._title(client)
        entries = client.oldest_first(peers=order.names, since=since, until=until)
        entry = await anext(entries, None)  # only now is it known that what was asked for is there
        text = document.beginning(title)
        while entry is not None:
            file = entry.file if isinstance(entry, Message) else None
            copy = None if file is None or copies is None else await self._copy(file, copies, order)
            text += document.entry(entry, copy)
            if len(text) >= _TOGETHER:
                await write(_bytes(text))
                text = ""
            self.messages += 1
            entry = await anext(entries, None)
        await write(_bytes(text + document.end()))

    def tell(self) -> None:
        """Say what was exported, and, as PARTIAL, which files are missing."""
        order, files = self._order, self._files - len(self._missing)
        messages = "1 message" if self.messages == 1 else f"{self.messages:,} messages"
        if order.output is not None:
            beside = (
                f", {files:,} of {self._files:,} files in {order.files}" if order.files is not None else ""
            )
            values = {
                "status": "exported",
                "path": str(order.output),
                "format": order.form,
                "messages": self.messages,
                "files": files,
                "missing": len(self._missing),
            }
            line = ["exported", str(order.output), order.form, str(self.messages), str(files)]
            self._settings.renderer.done(values, f"{messages} in {order.output}{beside}.", line)
        elif not self.messages:
            self._settings.renderer.note("Nothing there.")
        if self._missing:
            named = ", ".join(self._missing[:_MOST_NAMED])
            more = f" and {more:,} more" if (more := len(self._missing) - _MOST_NAMED) > 0 else ""
            count = "1 file was" if len(self._missing) == 1 else f"{len(self._missing):,} files were"
            text = f"all messages are exported; {count} not to be had: {named}{more}"
            raise CnMessageError(ErrorCode.PARTIAL, text)

    async def _title(self, client: Client) -> str:
        me = (await client.whoami()).user
        names = list(dict.fromkeys(name.lower() for name in self._order.names))
        return f"Messages of {me}" + (f" with {', '.join(names)}" if names else "")

    def _copies(self, client: Client, directory: Path) -> Copies:
        lines = Lines(self._settings.renderer, "receiving")

        def showing(file: MessageFile) -> Callable[[TransferProgress], None]:
            return lambda progress: lines.moved(file.id, progress)

        async def fetch(file: MessageFile, name: str) -> None:
            await client.get_file(file.id, directory, name=name, offered=file, progress=showing(file))

        return Copies(directory, fetch)

    async def _copy(self, file: MessageFile, copies: Copies, order: Order) -> Copy:
        """A file's copy, which is fetched if need be, or why there is none."""
        directory = order.files or Path()
        self._files += 1
        try:
            name = await copies.of(file)
        except CnMessageError as error:
            if error.code not in _MISSING or not directory.is_dir():
                raise
            why = _MISSING[error.code]
            self._missing.append(f"{file.name} ({why})")
            return Copy(missing=why)
        return Copy(str(directory / name), _link(directory / name, order.output))


@contextmanager
def opened(output: Path, *, force: bool) -> Iterator[Write]:
    """What writes the file, which is there once it is whole; every error is a CnMessageError."""
    try:
        with written_whole(output, replace=force) as file:

            async def write(data: bytes) -> None:
                file.write(data)

            yield write
        sync_directory(output.parent)
    except FileExistsError as error:
        raise in_the_way(output) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise disk_error(error, output, writing=True) from error


def check_output(output: Path, *, force: bool) -> None:
    """Raise what stands against writing there before anything is asked for."""
    if os.path.lexists(output):
        if not force:
            raise in_the_way(output)
        if output.is_symlink() or not output.is_file():
            raise usage(f"'{output}' is no regular file, so it is not replaced; name another --output")
    elif not output.parent.is_dir():
        raise usage(f"there is no directory '{output.parent}' for '{output.name}'; make it first")


def in_the_way(output: Path) -> CnMessageError:
    """The error for an output that exists."""
    text = f"{output} exists already; nothing was overwritten: name another --output, or add --force"
    return CnMessageError(ErrorCode.EXISTS, text)


def _link(path: Path, output: Path | None) -> str:
    """The way from the document to a file, with all escaped that would be taken for something else."""
    start = Path.cwd() if output is None else output.parent
    way = os.path.relpath(os.path.realpath(path.parent), os.path.realpath(start))
    return quote(os.fsencode(os.path.normpath(os.path.join(way, path.name))))  # noqa: PTH118 - text, not a place


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
