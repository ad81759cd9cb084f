"""A client's calls that move files: what was asked for becomes jobs, and what became of the jobs its answer.

Knows no event of a session. Loaded with the first such call: all that moves files takes long to load.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from cnmessage_client.address import Address
from cnmessage_client.link.arguments import PathText
from cnmessage_client.link.sockets import Access
from cnmessage_client.model import Offer, Progress, SentFile
from cnmessage_client.profile import Profile
from cnmessage_client.transfer.batches import Batches, reporter
from cnmessage_client.transfer.confirming import ConfirmJob
from cnmessage_client.transfer.download import DownloadJob
from cnmessage_client.transfer.job import Job
from cnmessage_client.transfer.upload import addressing, all_sent, forget_if_all_sent, uploads
from cnmessage_protocol.errors import CnMessageError
from cnmessage_protocol.trace import Trace


class FileCalls:
    """Of one client. `proved` gives the way to a broker that has answered; UNREACHABLE where none does."""

    def __init__(
        self,
        profile: Profile,
        address: Address,
        timeout: float,
        proved: Callable[[], Awaitable[Access]],
        explained: Callable[[CnMessageError], CnMessageError],
        trace: Trace | None,
    ) -> None:
        self._profile = profile
        self._address = address
        self._timeout = timeout
        self._proved = proved
        self._explained = explained
        self._batches = Batches(trace)

    async def send(
        self,
        to: str | Sequence[str],
        paths: PathText | Sequence[PathText],
        progress: Progress | None,
        *,
        note: str,
        expires: timedelta | None,
        names: Sequence[str] | None,
        snapshot: bool,
    ) -> list[SentFile]:
        """Send files; FilesError where not all were sent."""
        user, place = self._profile.user or "", self._address.place
        order = addressing(user, place, to, note, expires, snapshot=snapshot)
        jobs = uploads(paths, names, order, self._profile.uploads, self._timeout, reporter(progress))
        await self._move(jobs)
        forget_if_all_sent(jobs)
        return all_sent([job.outcome(job.error and self._explained(job.error)) for job in jobs])

    async def get(
        self,
        file: bytes,
        place: Path,
        name: str | None,
        progress: Progress | None,
        *,
        offered: Offer | None,
        overwrite: bool,
        confirm: bool,
        preserve: bool,
    ) -> Path:
        """Fetch a file into the directory `place`; gives where it is."""
        how = {"overwrite": overwrite, "confirm": confirm, "preserve": preserve}
        job = DownloadJob(file, place, name, self._timeout, reporter(progress), offered=offered, **how)
        async with self._batches.room:
            await self._move_one(job)
        return job.target or place

    async def confirm(self, file: bytes) -> None:
        """Say that this user has a file."""
        await self._move_one(ConfirmJob(file, self._timeout, reporter(None)))

    def stop(self, error: CnMessageError) -> None:
        """All that move end with this error; what was transferred is kept."""
        self._batches.stop(error)

    async def _move(self, jobs: Sequence[Job]) -> None:
        await self._batches.run(await self._proved(), jobs, self._timeout / 2)

    async def _move_one(self, job: Job) -> None:
        await self._move([job])
        if job.error is not None:
            raise self._explained(job.error)
