"""The thread that moves the files of one call: up to four at once over one link, a chunk each in turn.

It blocks where an event loop must not: on the socket, on the disk, in SHA-256. It never spins: it waits for
the link, for room on it, for a worker, for the next deadline of a transfer, or for `stop`. Machines decide,
jobs carry out, this is the loop. Must not know an upload from a download.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from cnmessage_client.link.sockets import Access
from cnmessage_client.transfer.background import step_back
from cnmessage_client.transfer.channel import FileChannel
from cnmessage_client.transfer.disk import disk_error
from cnmessage_client.transfer.job import Hands, Job
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.trace import Trace, Trail

AT_ONCE = 4
"""Most files that move at the same time."""

DRAIN = 64
"""Most messages taken before chunks are sent again."""


class TransferThread:
    """Moves jobs from `start` on; `ended` is called on the thread when nothing is left to do.

    By then every job has ended. `trace` is told on the thread what jobs and link do.
    """

    def __init__(
        self, access: Access, jobs: Iterable[Job], ended: Callable[[], None], trace: Trace | None = None
    ) -> None:
        self._trace = trace
        self._trail = Trail(listening=trace is not None)
        self._link = FileChannel(access, self._trail)
        self._queue = deque(jobs)
        self._active: deque[Job] = deque()
        self._workers = ThreadPoolExecutor(1, "cnmessage-disk")
        self._hands = Hands(self._link.say, self._link.wake, self._workers.submit, self._trail)
        self._ended = ended
        self._stopped: CnMessageError | None = None
        self._thread = threading.Thread(target=self._run, name="cnmessage-files", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def met(self) -> bool:
        """Whether the link has ever stood."""
        return self._link.ever_met

    def stop(self, error: CnMessageError) -> None:
        """End soon: transfers that are not over pause, and end with this error."""
        self._stopped = self._stopped or error
        self._link.wake()

    # -- on the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        left = CnMessageError(ErrorCode.INTERNAL, "the transfer thread failed; this is a fault of cnmessage")
        step_back()
        try:
            self._link.open()
            while self._stopped is None and (self._active or self._queue):
                self._turn()
            left = self._stopped or left
        except CnMessageError as error:  # there is no way to open a link
            left = self._stopped or error
        finally:
            self._workers.shutdown(wait=True)
            for job in [*self._active, *self._queue]:
                job.close()
                if not job.ended:
                    job.pause(left)
            self._link.close()
            self._trail.tell(self._trace)
            self._ended()

    def _turn(self) -> None:
        self._admit()
        self._wait()
        now = time.monotonic()
        for transfer, message, data in self._link.drain(DRAIN):
            for job in self._active:
                if job.transfer == transfer and not job.ended:
                    _guarded(job, lambda: job.received(now, message, data))  # noqa: B023 - run at once
        self._link.flush()
        self._keep_link(now)
        self._active.rotate(-1)  # the last to be asked may find no room: let it be another one each time
        for job in self._active:
            if not job.ended:
                _guarded(job, lambda: self._step(job, now))  # noqa: B023 - run at once
        for job in [job for job in self._active if job.ended]:
            self._active.remove(job)
            job.close()
        self._trail.tell(self._trace)

    def _admit(self) -> None:
        while self._queue and len(self._active) < AT_ONCE:
            job = self._queue.popleft()
            self._active.append(job)
            _guarded(job, lambda: job.start(time.monotonic(), self._hands))  # noqa: B023 - run at once

    def _wait(self) -> None:
        going = [job for job in self._active if not job.ended and job.machine is not None]
        if len(going) < len(self._active) or any(job.busy or job.reopen for job in going):
            self._link.wait(0.0, writable=False)
            return
        deadlines = [job.machine.deadline for job in going if job.machine is not None]
        if self._link.open_due is not None:
            deadlines.append(self._link.open_due)
        seconds = min(deadlines) - time.monotonic()
        self._link.wait(seconds, writable=any(job.wants_room for job in going))

    def _keep_link(self, now: float) -> None:
        """Replace a link that broke, or that nobody answers on."""
        if self._link.broken() or any(job.reopen for job in self._active):
            for job in self._active:
                job.reopen = False
            self._link.drop()
        due = self._link.open_due
        if due is not None and now >= due:
            self._link.open()
            for job in self._active:
                if not job.ended:
                    _guarded(job, lambda: job.lost(now))  # noqa: B023 - run at once

    def _step(self, job: Job, now: float) -> None:
        job.step(now, room=job.wants_room and self._link.ready)
        if not job.ended:
            job.tick(now)
            job.reported(now)


def _guarded(job: Job, step: Callable[[], None]) -> None:
    """A step of one transfer; what fails ends this one and no other."""
    try:
        step()
    except CnMessageError as error:
        job.fail(error)
    except OSError as error:
        job.fail(disk_error(error, job.name, writing=True))
