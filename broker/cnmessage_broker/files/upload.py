"""One upload on the broker's side: its part, how far it has come, and what is being done about it.

Blocking work (hashing what an earlier link left, making a blob of the whole part) runs on a worker, with a
descriptor of its own; chunks are written by the file thread itself, which has the part open only while they
come. Must know neither the socket nor the store.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.descriptors import Descriptors
from cnmessage_broker.files.peers import Peer
from cnmessage_broker.files.workers import Worker
from cnmessage_broker.files.writeback import Writeback
from cnmessage_protocol.files.channel import Credit, FileMessage, Granted
from cnmessage_protocol.files.flows import Inflow
from cnmessage_protocol.trace import Trail

_SLICE = 1 << 20


class Stage(Enum):
    """Where an upload stands."""

    PREPARING = "preparing"
    RECEIVING = "receiving"
    VERIFYING = "verifying"
    RECORDING = "recording"


@dataclass(slots=True)
class _Job:
    """What runs on a worker, and what to do with its result on the file thread."""

    future: "Future[None]"
    then: Callable[[], list[FileMessage]]


class OpenUpload:
    """An upload whose client may go on. `wake` makes the file thread look for finished work.

    OSError from any method: the disk does not take it.
    """

    def __init__(
        self,
        peer: Peer,
        file: bytes,
        size: int,
        blobs: Blobs,
        descriptors: Descriptors,
        workers: Worker,
        wake: Callable[[], None],
        trail: Trail | None = None,
    ) -> None:
        self._trail = trail or Trail()
        self.peer = peer
        self.file = file
        self.stage = Stage.PREPARING
        self.sha256 = b""
        self._blobs = blobs
        self._descriptors = descriptors
        self._workers = workers
        self._wake = wake
        here = blobs.begun_part(file, size)
        self.flow = Inflow(size, here, here)
        self._hash = hashlib.sha256()
        self._writeback: Writeback | None = None
        self._opened = 0
        self._let_go = False
        self._job: _Job | None = None
        self._closing = False
        self._trail.note("upload", "none", "begun", self.stage, f"offset {here}")
        self._work(lambda: self._prepare(here), self._prepared)

    def continues(self, peer: Peer) -> list[FileMessage]:
        """The client asks again, on a fresh link."""
        self.peer = peer
        self.flow.slow = True  # perhaps it broke because the line is slow
        return [self._granted()] if self.stage is Stage.RECEIVING else []

    def chunk(
        self, now: float, offset: int, data: memoryview, most: int, *, gently: bool
    ) -> list[FileMessage]:
        """Bytes came; later chunks should have at most `most`. `gently`: the disk is needed for messages."""
        if self.stage is not Stage.RECEIVING:
            return []
        descriptor = self._descriptors.of(self, now, self._open)
        if not self.flow.take(now, offset, len(data)):
            return [self._granted()]
        place, view = offset, data
        while view:
            written = os.pwrite(descriptor, view, place)
            place, view = place + written, view[written:]
        self._hash.update(data)
        if self._writeback is not None and gently:
            self._writeback.left_to_the_system(place)
        elif self._writeback is not None:
            self._writeback.written(place)
        return [self.flow.more_credit(most)] if self.flow.credit_due else []

    def finish(self, sha256: bytes) -> list[FileMessage]:
        """The client has sent all and says what it was."""
        if self.stage is not Stage.RECEIVING:
            return []  # said again: the answer is on its way
        if not self.flow.complete:
            return [self._granted()]
        if self._hash.digest() != sha256:
            self._begin_anew()
            return [self._granted()]
        self.sha256 = sha256
        self._enter(Stage.VERIFYING, "all here")
        self._let_go |= self._opened > 0 and not self._descriptors.holds(self)
        self._work(self._keep, self._verified)
        return []

    def beat(self) -> FileMessage:
        """A sign of life, and credit for what came since the last: half a window may take long."""
        return self.flow.credit() if self.stage is Stage.RECEIVING else Credit(self.flow.offset)

    def work_done(self) -> list[FileMessage]:
        """Look whether the worker is done; what to say then. OSError if it failed."""
        job = self._job
        if job is None or not job.future.done():
            return []
        self._job = None
        if self._closing:
            return []
        job.future.result()
        return job.then()

    @property
    def said_all(self) -> bool:
        """Whether FINISH was taken: from there it ends by itself, be the client there or not."""
        return self.stage in {Stage.VERIFYING, Stage.RECORDING}

    @property
    def idle(self) -> bool:
        """Whether nothing of it runs on a worker any more."""
        return self._job is None

    def close(self) -> None:
        """Release the part; what was written stays. A job under way ends soon: see `idle`.

        Asking and leaving again and again must not heap up work: what has not begun is not done any more.
        """
        self._closing = True
        self._descriptors.close(self)
        if self._job is not None and self._job.future.cancel():
            self._job = None

    def _open(self) -> int:
        descriptor = self._blobs.open_part(self.file, self.flow.offset)
        self._let_go |= self._opened > 0
        self._opened += 1
        self._writeback = Writeback(descriptor, self.flow.offset)
        return descriptor

    # -- on a worker, and what follows ------------------------------------------------------------

    def _prepare(self, here: int) -> None:
        """Hash what an earlier link has left."""
        if here:
            with _opened(self._blobs.open_part(self.file, here)) as descriptor:
                self._read(descriptor, here, self._hash)

    def _read(self, descriptor: int, upto: int, into: "hashlib._Hash") -> None:
        place = 0
        while place < upto and not self._closing:
            data = os.pread(descriptor, min(_SLICE, upto - place), place)
            if not data:
                raise OSError(errno.EIO, "an unfinished file became shorter")
            into.update(data)
            place += len(data)

    def _prepared(self) -> list[FileMessage]:
        self._enter(Stage.RECEIVING, "prepared")
        return [self._granted()]

    def _keep(self) -> None:
        """Bring all of it to the disk under its content's name."""
        with _opened(self._blobs.open_part(self.file, self.flow.size)) as descriptor:
            os.fsync(descriptor)
            if self._let_go:
                self._compare(descriptor)
        if not self._closing:
            self._blobs.keep(self.file, self.sha256)

    def _compare(self, descriptor: int) -> None:
        """Read it back: while nobody has a file open, the system may forget that the disk did not take it."""
        here = hashlib.sha256()
        self._read(descriptor, self.flow.size, here)
        if here.digest() != self.sha256 and not self._closing:
            raise OSError(errno.EIO, "an unfinished file does not hold what was written")

    def _verified(self) -> list[FileMessage]:
        self._descriptors.close(self)
        self._enter(Stage.RECORDING, "verified")
        return []

    def _begin_anew(self) -> None:
        """What came is not what was sent: nothing of it is worth keeping."""
        self._enter(Stage.RECEIVING, "not what was sent")
        self._descriptors.close(self)
        self._blobs.drop_part(self.file)
        self._hash = hashlib.sha256()
        self._opened, self._let_go = 0, False
        self.flow.offset = 0

    def _enter(self, stage: Stage, event: str) -> None:
        before, self.stage = self.stage, stage
        self._trail.note("upload", before, event, stage, f"offset {self.flow.offset}")

    def _granted(self) -> Granted:
        return Granted(self.file, self.flow.offset, self.flow.credit().upto)

    def _work(self, job: Callable[[], None], then: Callable[[], list[FileMessage]]) -> None:
        future = self._workers.submit(job)
        self._job = _Job(future, then)
        future.add_done_callback(lambda _: self._wake())


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
