"""A client's download: writes and hashes its file as it comes, verifies it, gives it its name.

Where the same file stands under that name already, there is nothing to fetch: an earlier run was cut short
after it had put it there. What waits for the disk runs on a worker, so that other transfers of the call go
on. Must know no socket.
"""

import os
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from cnmessage_client.model import FileInfo, Offer
from cnmessage_client.model import Phase as PhaseName
from cnmessage_client.transfer.disk import disk_error
from cnmessage_client.transfer.job import Hands, Job, Report
from cnmessage_client.transfer.names import safe_name
from cnmessage_client.transfer.part import Part, in_the_way
from cnmessage_client.transfer.present import Present
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.files.channel import Chunk, FileMessage, Kept, Opened, Pause
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.transfer import Effect, Keep, Phase
from cnmessage_protocol.ids import id_text

_GONE = {ErrorCode.EXPIRED, ErrorCode.WITHDRAWN}
_PAUSES = {
    ErrorCode.EXISTS,
    ErrorCode.BUSY,
    ErrorCode.UNREADABLE,
    ErrorCode.NO_SUCH_FILE,
    ErrorCode.STORAGE,
}


_PHASES: Mapping[Phase, PhaseName] = {
    Phase.MOVING: "receiving",
    Phase.VERIFYING: "verifying",
    Phase.FINISHING: "verifying",
}


class DownloadJob(Job):
    """The download of `wanted` into `directory`, under the sender's name or `name`, cleaned either way.

    With `preserve` it is as old, and as executable, as the sender's.
    """

    def __init__(
        self,
        wanted: bytes,
        directory: Path,
        name: str | None,
        limit: float,
        report: Report,
        *,
        overwrite: bool,
        confirm: bool = True,
        offered: Offer | None = None,
        preserve: bool = False,
    ) -> None:
        self._preserve = preserve
        self._like: Opened | None = None
        self._confirm = confirm
        self._offered = offered
        self._anew = False
        self._directory = directory
        self._overwrite = overwrite
        self._machine: Download | None = None
        self._part: Part | None = None
        self._present: Present | None = None
        self._same_as = ""
        self._looked = False
        self._size = 0
        self._work: Future[None] | None = None
        self._then: Callable[[float], None] | None = None
        self._sha256: bytes | None = None
        self._wanted = wanted
        self.target: Path | None = None
        self.placed = False
        if name is not None:
            self.target = directory / safe_name(name)
        super().__init__(id_text(wanted) if self.target is None else self.target.name, limit, report)
        self.transfer = wanted

    @property
    def machine(self) -> Download | None:
        """What decides; None before `start`."""
        return self._machine

    def start(self, now: float, hands: Hands) -> None:
        """See what is here already, and ask for the rest."""
        self._hands = hands
        self._check_directory()
        offered, target = self._offered, self.target
        if target is not None and offered is not None and offered.sha256 is not None and not self._preserve:
            self._look_at(target, offered.size, offered.sha256)
        if self._present is None:
            self._begin_here(now)

    def _begin_here(self, now: float) -> None:
        """What this disk refuses, the broker need not hear of: a sender would see it as begun."""
        offered, target = self._offered, self.target
        # What has ended is refused there, and that is the reason, whatever stands here; nobody sees it begun.
        ended = isinstance(offered, FileInfo) and offered.state != "stored"
        different = target is not None and (self._looked or not target.is_file() or target.is_symlink())
        if target is not None and different and not ended:
            self._check_target(target)  # else it may be this very file: the broker says its digest
        if self._part is None:
            self._part = Part.find(self._directory, self._wanted)
        if self._part is None and target is not None and not ended:
            self._part = Part.make(self._directory, target.name, self._wanted)
        self._ask(now)

    def _ask(self, now: float) -> None:
        here = 0 if self._part is None else self._part.size
        self._machine = Download(here, now, self.limit, confirm=self._confirm, trail=self.trail)
        self.perform(now, self._machine.begin())

    def received(self, now: float, message: FileMessage, data: memoryview) -> None:
        """The broker said something about this file."""
        machine = self._machine
        if isinstance(message, Opened) and not self.placed:
            self._begin(message)
            if self._present is not None:
                self._hands.say(self.transfer, Pause(), None)
                self._machine = None
                return
        if machine is not None and self._part is not None and isinstance(message, Chunk):
            wanted, effects = machine.chunk(now, message.offset, len(data))
            self.perform(now, effects)
            if wanted:
                self._part.write(message.offset, data)
                self.perform(now, machine.written())
            return
        super().received(now, message, data)
        if isinstance(message, Opened) and self.started_at is None and machine is not None:
            self.started_at = machine.flow.offset

    def _begin(self, opened: Opened) -> None:
        offered = self._offered
        found = (opened.size, opened.sha256.hex())
        if offered is not None and (offered.size, offered.sha256 or found[1]) != found:
            text = "the broker gives another file than it offered; tell whoever runs the broker"
            raise CnMessageError(ErrorCode.INTEGRITY, text)
        if self._preserve:
            self._like = opened
        if self.target is None:
            self.target = self._directory / safe_name(opened.name)
            self.name = self.target.name
        self._look_at(self.target, opened.size, opened.sha256.hex())
        if self._present is not None:
            return
        self._check_target(self.target)
        if self._part is None:
            self._part = Part.make(self._directory, self.target.name, self._wanted)

    # -- what is here already ---------------------------------------------------------------------

    def _look_at(self, target: Path, size: int, sha256: str) -> None:
        """See, once, whether what stands at `target` may be the file; then it is hashed before all else."""
        if self._looked:
            return
        self._looked = True
        found = Present.at(target)
        if found is not None and found.size != size:
            found.close()
        elif found is not None:
            self._present = found
            self._same_as, self._size, self.started_at = sha256, size, size

    def _compared(self, now: float, present: Present) -> None:
        self._present = None
        same = present.digest() == self._same_as
        if same and self._like is not None:
            present.make_like(self._like)
        present.close()
        if same:
            self._have_it(now)
        else:
            self._size, self.started_at = 0, None
            self._begin_here(now)

    def _have_it(self, now: float) -> None:
        """An earlier run has put it there; what it left beside it goes, and the broker hears of it."""
        self.placed = True
        with suppress(CnMessageError):
            self._part = self._part or Part.find(self._directory, self._wanted)
        if self._part is not None:
            self._part.discard()
        if self._confirm:
            self._machine = Download.fetched(now, self.limit, self.trail)
            self.perform(now, self._machine.begin())
        else:
            self.end(None)

    # -- its way ----------------------------------------------------------------------------------

    def step(self, now: float, *, room: bool) -> None:  # noqa: ARG002 - nothing big is sent
        """See whether the worker is done, hash a slice of what is here already, or keep it all."""
        if self._present is not None:
            if not self._present.hashed:
                self._present.hash_more()
            else:
                self._compared(now, self._present)
            return
        if self._work is not None and self._work.done():
            work, self._work = self._work, None
            work.result()
            if self._then is not None:
                self._then(now)
        if self._part is not None and not self._part.hashed:
            self._part.hash_more()
        elif self._sha256 is not None and self._work is None:
            self._keep(self._sha256)

    @property
    def busy(self) -> bool:
        """Whether there is something to hash or to keep, or the worker is done."""
        if self._present is not None:
            return True
        if self._part is not None and not self._part.hashed:
            return True
        if self._work is not None:
            return self._work.done()
        return self._sha256 is not None

    @property
    def wants_room(self) -> bool:
        """Never: only short messages are sent."""
        return False

    def carry_out(self, effect: Effect) -> None:
        """What the machine wants of the disk."""
        match effect:
            case Keep(sha256):
                self._sha256 = sha256
            case _:
                return  # what lies before a SeekTo is hashed slice by slice, at the latest before Keep

    def _keep(self, sha256: bytes) -> None:
        self._sha256 = None
        part, target = self._part, self.target
        if part is not None and target is not None:
            self._on_worker(
                lambda: part.keep(target, sha256, overwrite=self._overwrite, like=self._like), self._kept
            )

    def _kept(self, now: float) -> None:
        self.placed = True
        if self._machine is not None:
            self.perform(now, self._machine.kept(now))

    def _on_worker(self, job: Callable[[], None], then: Callable[[float], None]) -> None:
        self._then = then
        self._work = self._hands.work(job)
        self._work.add_done_callback(lambda _: self._hands.wake())

    # -- its end ----------------------------------------------------------------------------------

    def may_go_on(self, error: CnMessageError) -> bool:
        """Whether this disk may take the file later: then its sender must not see that it failed."""
        return error.code in _PAUSES

    def over(self, now: float, result: Kept | Opened | None, error: CnMessageError | None) -> None:
        """Noted, refused, or no answer; a part longer than the file is none of this file's."""
        part = self._part
        longer = error is not None and error.code is ErrorCode.BAD_REQUEST
        if longer and part is not None and part.size and not self._anew:
            self._anew = True
            part.begin_anew()
            self._ask(now)
            return
        if error is not None and error.code in _GONE and part is not None and not self.placed:
            part.discard()
        super().over(now, result, error)

    def end(self, error: CnMessageError | None) -> None:
        """Over. A file in its place is a success, even if its sender does not hear of it."""
        super().end(None if self.placed else error)

    def close(self) -> None:
        """Release what is open; the worker must be done."""
        if self._present is not None:
            self._present.close()
            self._present = None
        self.placed |= self._then == self._kept and self._work is not None and self._work.exception() is None
        if self._part is not None:
            if not self._part.size and not self.placed:
                self._part.discard()
            self._part.close()
            self._part = None

    # -- progress ---------------------------------------------------------------------------------

    @property
    def phase(self) -> PhaseName:
        """What it is doing."""
        if self._present is not None:
            return "verifying"
        return "waiting" if self._machine is None else _PHASES.get(self._machine.phase, "waiting")

    @property
    def done(self) -> int:
        """How many bytes are here."""
        if self.placed:
            return self.size
        return 0 if self._machine is None else self._machine.flow.offset

    @property
    def size(self) -> int:
        """How many bytes the file has, 0 while that is unknown."""
        return self._size if self._size or self._machine is None else self._machine.flow.size

    @property
    def file(self) -> bytes | None:
        """The file's id."""
        return self._wanted

    # -- what is on the disk ----------------------------------------------------------------------

    def _check_directory(self) -> None:
        try:
            facts = self._directory.stat()
        except OSError as error:
            raise disk_error(error, self._directory, writing=True) from error
        if not stat.S_ISDIR(facts.st_mode):
            raise CnMessageError(ErrorCode.USAGE, f"{self._directory} is no directory; name one to put it in")

    def _check_target(self, target: Path) -> None:
        if os.path.lexists(target) and (not self._overwrite or (target.is_dir() and not target.is_symlink())):
            raise in_the_way(target)
