"""A client's calls about files: send, fetch, list, withdraw, decline. Made part of Client by client.py.

Files move on a thread of their own (transfers.py), so the event loop stays free; what it reports comes back
to the loop. Whoever waits and is cancelled waits until the thread has put down what it did.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from os import PathLike
from pathlib import Path

from cnmessage_client.caller import Caller
from cnmessage_client.link.requests import checked
from cnmessage_client.model import FileInfo, SentFile, TransferProgress, file_info
from cnmessage_client.profile import Home
from cnmessage_client.transfer.confirming import Confirming
from cnmessage_client.transfer.download import Downloading, Offer
from cnmessage_client.transfer.job import Job, Report
from cnmessage_client.transfer.journal import Journal
from cnmessage_client.transfer.thread import AT_ONCE, TransferThread
from cnmessage_client.transfer.upload import Order, Uploading, check_order
from cnmessage_protocol import requests as verbs
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError
from cnmessage_protocol.ids import parse_id

Progress = Callable[[TransferProgress], None]
PathText = str | PathLike[str]

_INTERRUPTED = "interrupted; what was transferred is kept, and the same call goes on from there"


class FileCalls(Caller):
    """Files to and from other users."""

    def __init__(self, home: Home | None, profile: str | None, broker: str | None, timeout: float) -> None:
        super().__init__(home, profile, broker, timeout)
        self._transfers: set[TransferThread] = set()
        self._fetching = asyncio.Semaphore(AT_ONCE)

    async def send_files(
        self,
        to: str | Sequence[str],
        paths: Sequence[PathText],
        *,
        note: str = "",
        expires: timedelta | None = None,
        names: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> list[SentFile]:
        """Send files, several at once; what became of each, in the order of `paths`.

        One that fails does not stop the others: see its `error`. Cut short, the same call goes on where the
        broker's bytes end. `names` are what recipients see instead of the files' own names.
        """
        self._connected()
        if names is not None and len(names) != len(paths):
            raise RequestError(ErrorCode.BAD_REQUEST, "give as many names as paths, or none")
        seconds = None if expires is None else max(1, int(expires.total_seconds()))
        user = self.profile.user or ""
        receivers = (to,) if isinstance(to, str) else tuple(to)
        order = checked(lambda: check_order(Order(user, self.address.place, receivers, note, seconds)))
        journal = Journal(self.profile.uploads)
        report = _reporter(progress)
        jobs = [
            Uploading(Path(path), None if names is None else names[at], order, journal, self.timeout, report)
            for at, path in enumerate(paths)
        ]
        await self._move(jobs)
        return [job.outcome(self._explained(job.error)) for job in jobs]

    async def get_file(
        self,
        id: str,  # noqa: A002 - the word that all records have for it
        directory: PathText,
        *,
        name: str | None = None,
        overwrite: bool = False,
        confirm: bool = True,
        offered: Offer | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Fetch a file into `directory`, verified; gives where it is. Cut short, the same call goes on.

        It gets its sender's name or `name`, either way made harmless. Nothing is overwritten unasked: EXISTS.
        `offered` is the FileInfo or the message's file, where there is one: no other file is taken then.
        Without `confirm` it counts as fetched only once `confirm_file` was called.
        """
        self._connected()
        file = checked(lambda: parse_id(id))
        async with self._fetching:
            report = _reporter(progress)
            place = Path(directory)
            job = Downloading(
                file,
                place,
                name,
                self.timeout,
                report,
                overwrite=overwrite,
                confirm=confirm,
                offered=offered,
            )
            await self._move([job])
        error = self._explained(job.error)
        if error is not None:
            raise error
        return job.target or Path(directory)

    async def confirm_file(self, id: str) -> None:  # noqa: A002 - as above
        """Say that this user has a file, which was fetched without `confirm`; its sender can see so."""
        job = Confirming(checked(lambda: parse_id(id)), self.timeout, _reporter(None))
        await self._move([job])
        if (error := self._explained(job.error)) is not None:
            raise error

    async def files(self, *, sent: bool) -> list[FileInfo]:
        """The files this user sent, or was offered, the latest first."""
        self._connected()
        return [file_info(row) for row in await self._requests.files(sent=sent)]

    async def withdraw_file(self, id: str) -> None:  # noqa: A002 - as above
        """Take a file of this user back; an upload that is not finished is given up."""
        await self._ask(verbs.Withdraw(checked(lambda: parse_id(id))))

    async def decline_file(self, id: str) -> None:  # noqa: A002 - as above
        """Say that this user will not fetch a file; its sender can see so."""
        await self._ask(verbs.Decline(checked(lambda: parse_id(id))))

    # -- inner ------------------------------------------------------------------------------------

    async def _move(self, jobs: Sequence[Job]) -> None:
        """Run jobs to their end on a thread. UNREACHABLE at once where no broker answers at all."""
        if not self._connected().ever_heard:
            await self._read(verbs.Whoami())  # it proves its key and knows us, so that errors come early
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def ended() -> None:
            with suppress(RuntimeError):  # the loop was closed over our heads
                loop.call_soon_threadsafe(over.set)

        thread = TransferThread(self._connected().access, jobs, ended)
        self._transfers.add(thread)
        thread.start()
        try:
            await over.wait()
        except asyncio.CancelledError:
            thread.stop(CnMessageError(ErrorCode.INTERRUPTED, _INTERRUPTED))
            await over.wait()
            raise
        finally:
            self._transfers.discard(thread)

    def _stop_transfers(self, error: CnMessageError) -> None:
        for thread in self._transfers:
            thread.stop(error)

    def _explained(self, error: CnMessageError | None) -> CnMessageError | None:
        return None if error is None else self.profile.explained(error, self.address)


def _reporter(progress: Progress | None) -> Report:
    """Hands reports from the transfer thread to the caller's loop."""
    loop = asyncio.get_running_loop()

    def report(news: TransferProgress) -> None:
        if progress is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(progress, news)

    return report
