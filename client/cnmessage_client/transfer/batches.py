"""The batches of files that move at the moment, each on a thread of its own, seen from the event loop.

So the loop stays free; what a thread reports comes back to it. Whoever waits and is cancelled waits until the
thread has put down what it did. Knows no broker but by its access, and no profile.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from cnmessage_client.link.lookout import FIRST_LOOK
from cnmessage_client.link.reach import blocked
from cnmessage_client.link.sockets import Access
from cnmessage_client.model import Progress, TransferProgress
from cnmessage_client.transfer.job import Job, Report
from cnmessage_client.transfer.thread import AT_ONCE, TransferThread
from cnmessage_protocol.envelope import FILES
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.trace import Trace

_INTERRUPTED = "interrupted; what was transferred is kept, and the same call goes on from there"


class Batches:
    """Threads that move files; `room` is for those who move one file each, that there be not too many.

    `trace` is told what the transfers do, on their threads.
    """

    def __init__(self, trace: Trace | None = None) -> None:
        self._trace = trace
        self.room = asyncio.Semaphore(AT_ONCE)
        self._threads: set[TransferThread] = set()

    async def run(self, access: Access, jobs: Sequence[Job], patience: float) -> None:
        """Run jobs to their end on a thread; how each ended stands in it.

        Where the file channel alone is closed they end as soon as that is known: a port that is silent for
        `patience` seconds is.
        """
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def ended() -> None:
            with suppress(RuntimeError):  # the loop was closed over our heads
                loop.call_soon_threadsafe(over.set)

        thread = TransferThread(access, jobs, ended, self._trace)
        self._threads.add(thread)
        thread.start()
        looking = loop.create_task(_look(access, thread, patience))
        try:
            await over.wait()
        except asyncio.CancelledError:
            thread.stop(CnMessageError(ErrorCode.INTERRUPTED, _INTERRUPTED))
            await over.wait()
            raise
        finally:
            self._threads.discard(thread)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)  # a loop must not end over its head

    def stop(self, error: CnMessageError) -> None:
        """All that move end with this error; what was transferred is kept."""
        for thread in self._threads:
            thread.stop(error)


async def _look(access: Access, thread: TransferThread, patience: float) -> None:
    await asyncio.sleep(FIRST_LOOK)
    if not thread.met:
        error = await blocked(access.address, FILES, patience)
        if error is not None and not thread.met:
            thread.stop(error)


def reporter(progress: Progress | None) -> Report:
    """A function that hands reports from the transfer thread to the caller's loop."""
    loop = asyncio.get_running_loop()

    def report(news: TransferProgress) -> None:
        if progress is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(progress, news)

    return report
