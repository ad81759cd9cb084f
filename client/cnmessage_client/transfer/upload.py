"""A client's upload: reads and hashes its file as the machine allows, and keeps its entry in the journal.

Must know no socket.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from msgspec import Struct

from cnmessage_client.link import arguments
from cnmessage_client.link.arguments import PathText
from cnmessage_client.link.requests import checked
from cnmessage_client.model import FilesError, SentFile
from cnmessage_client.model import Phase as PhaseName
from cnmessage_client.transfer.job import Hands, Job, Report
from cnmessage_client.transfer.journal import Entry, Journal, Undertaking
from cnmessage_client.transfer.names import is_text, sent_name
from cnmessage_client.transfer.source import Source
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError
from cnmessage_protocol.files.channel import Chunk, Kept, Opened, Put
from cnmessage_protocol.files.transfer import Effect, Phase, SeekTo
from cnmessage_protocol.files.upload import Upload
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.records import recipients
from cnmessage_protocol.schema import build

_STALE = {ErrorCode.EXPIRED, ErrorCode.WITHDRAWN, ErrorCode.CONFLICT, ErrorCode.NO_SUCH_FILE}
"""What a broker says of an upload that an earlier run began and that it does not go on with."""

_PAUSES = {
    ErrorCode.INTERRUPTED,
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.BROKER_KEY_CHANGED,
    ErrorCode.INTERNAL,
}
"""After these, and those that may be gone by themselves, the same call goes on with what the broker has."""

_PHASES: Mapping[Phase, PhaseName] = {Phase.MOVING: "sending", Phase.FINISHING: "verifying"}


class Addressing(Struct, frozen=True):
    """Who sends something to whom, and how: the same for all files of a call.

    A `snapshot` is what a file held when it was opened, though it grows.
    """

    user: str
    broker: str
    to: tuple[str, ...]
    note: str
    expires: timedelta | None
    snapshot: bool = False

    def put(self, name: str, size: int, mtime: int | None = None, *, executable: bool = False) -> Put:
        """The checked request; ProtocolError for what no broker would take."""
        values = {"name": name, "size": size, "to": list(self.to), "note": self.note}
        lasts = None if self.expires is None else max(1, int(self.expires.total_seconds()))
        values |= {"expires": lasts, "mtime": mtime, "executable": executable}
        return build(Put, values)


class UploadJob(Job):
    """The upload of the file at `path`."""

    def __init__(
        self, path: Path, name: str | None, order: Addressing, journal: Journal, limit: float, report: Report
    ) -> None:
        self._path = path
        self._order = order
        self._journal = journal
        self._machine: Upload | None = None
        self._source: Source | None = None
        self._entry: Entry | None = None
        self._kept: Kept | None = None
        self._sha256 = b""
        self._called = path.name if name is None else name
        super().__init__(sent_name(self._called), limit, report)

    @property
    def machine(self) -> Upload | None:
        """What decides; None before `start`."""
        return self._machine

    def start(self, now: float, hands: Hands) -> None:
        """Open the file, find out whether an earlier run began with it, and ask."""
        self._hands = hands
        if not is_text(self._called):
            text = f"the name of {self._path} is not UTF-8 text; say what to call it instead"
            raise CnMessageError(ErrorCode.BAD_REQUEST, text)
        source = self._source = Source(self._path, snapshot=self._order.snapshot)
        order = self._order
        put = order.put(self.name, source.size, source.mtime, executable=source.executable)
        self._entry = self._journal.claim(
            Undertaking(
                order.user,
                order.broker,
                os.path.abspath(self._path),  # noqa: PTH100 - resolve() would follow links, which may change
                source.size,
                source.mtime_ns,
                self.name,
                put.to,
                order.note,
                put.expires,
            )
        )
        self._ask(now, put)

    def _ask(self, now: float, put: Put) -> None:
        if self._entry is not None:
            self.transfer = self._entry.client_id
        self._machine = Upload(put, now, self.limit, self.trail)
        self.perform(now, self._machine.begin())

    def step(self, now: float, *, room: bool) -> None:
        """Hash a slice of what was sent before, send a chunk, or say that all went out."""
        machine, source = self._machine, self._source
        if self._kept is not None and source is not None:
            self._hash_kept(now, self._kept, source)
            return
        if machine is None or source is None or machine.phase is not Phase.MOVING:
            return
        if source.hashed < machine.flow.offset:
            source.hash_more(machine.flow.offset)
            machine.hashed(now)
        elif room and (chunk := machine.next_chunk()) is not None:
            offset, length = chunk
            self._hands.say(self.transfer, Chunk(offset), source.read(offset, length))
            machine.sent(now)
        if machine.all_sent and source.hashed >= machine.flow.offset:
            self._sha256 = source.digest()
            self.perform(now, machine.finish(now, self._sha256))

    @property
    def busy(self) -> bool:
        """Whether there is something to hash, or nothing to send any more."""
        machine, source = self._machine, self._source
        if self._kept is not None:
            return True
        if machine is None or source is None or machine.phase is not Phase.MOVING:
            return False
        return source.hashed < machine.flow.offset or machine.all_sent

    @property
    def wants_room(self) -> bool:
        """Whether a chunk may go."""
        machine = self._machine
        return machine is not None and machine.phase is Phase.MOVING and machine.flow.next_length() > 0

    def carry_out(self, effect: Effect) -> None:
        """Go on at another place."""
        if isinstance(effect, SeekTo) and self._source is not None:
            if self.started_at is None:
                self.started_at = effect.offset
            if effect.offset == 0:
                self._source.begin_anew()

    def over(self, now: float, result: Kept | Opened | None, error: CnMessageError | None) -> None:
        """Kept, refused, or no answer; an upload of an earlier run that is no more begins anew."""
        machine, entry = self._machine, self._entry
        if error is not None and error.code in _STALE and entry is not None and entry.resumed:
            entry.renew()
            if machine is not None and machine.file is None:
                self._ask(now, machine.put)
                return
        if isinstance(result, Kept):
            self._kept = result
            if not self._sha256:
                return  # an earlier run sent it: its digest is told all the same, once it is known
        super().over(now, result, error)

    def _hash_kept(self, now: float, kept: Kept, source: Source) -> None:
        if source.hashed < source.size:
            source.hash_more(source.size)
        else:
            self._sha256 = source.digest()
            super().over(now, kept, None)

    def may_go_on(self, error: CnMessageError) -> bool:
        """Whether what the broker has is still part of this file, and still wanted."""
        return error.retryable or error.code in _PAUSES

    def end(self, error: CnMessageError | None) -> None:
        """Over; the journal forgets what the same call cannot go on with."""
        if error is None and self._entry is not None:
            self._entry.stored()
        if error is not None and not self.may_go_on(error):
            self.forget()
        super().end(error)

    def forget(self) -> None:
        """The same call would send the file anew."""
        if self._entry is not None:
            self._entry.forget()

    def close(self) -> None:
        """Release the file and its entry."""
        if self._source is not None:
            self._source.close()
            self._source = None
        if self._entry is not None:
            self._entry.close()

    def outcome(self, error: CnMessageError | None) -> SentFile:
        """What became of it; `error` as its user is to read it."""
        file = "" if self.file is None else id_text(self.file)
        message = "" if self._kept is None else id_text(self._kept.message)
        recipients = 0 if self._kept is None else self._kept.recipients
        return SentFile(file, self.name, self.size, self._sha256.hex(), message, recipients, error)

    # -- progress ---------------------------------------------------------------------------------

    @property
    def phase(self) -> PhaseName:
        """What it is doing."""
        return "waiting" if self._machine is None else _PHASES.get(self._machine.phase, "waiting")

    @property
    def done(self) -> int:
        """How many bytes went out, or were there already."""
        if self._kept is not None:
            return self.size
        return 0 if self._machine is None else self._machine.flow.offset

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return 0 if self._machine is None else self._machine.put.size

    @property
    def file(self) -> bytes | None:
        """The id the broker gave it."""
        if self._kept is not None:
            return self._kept.file
        return None if self._machine is None else self._machine.file


def addressing(
    user: str,
    broker: str,
    to: str | Sequence[str],
    note: str,
    expires: timedelta | None,
    *,
    snapshot: bool = False,
) -> Addressing:
    """What a caller says of all files of a call; a RequestError for what no broker would take."""
    span = arguments.span_or_none("expires", expires)
    receivers, words = tuple(arguments.names("to", to)), arguments.text("note", note)
    order = Addressing(user, broker, receivers, words, span, snapshot)
    checked(lambda: recipients(receivers))  # the error that a message with these recipients has
    checked(lambda: order.put("name", 0))
    return order


def forget_if_all_sent(jobs: Sequence[UploadJob]) -> None:
    """Once a call is over. If a part of it failed, the same call shall not send twice what was stored."""
    if all(job.error is None for job in jobs):
        for job in jobs:
            job.forget()


def all_sent(outcomes: Sequence[SentFile]) -> list[SentFile]:
    """What was sent, if all of it was; else a FilesError."""
    sent = [each for each in outcomes if each.error is None]
    failed = [each for each in outcomes if each.error is not None]
    if failed:
        raise FilesError(sent, failed)
    return sent


def uploads(
    paths: PathText | Sequence[PathText],
    names: Sequence[str] | None,
    order: Addressing,
    folder: Path,
    limit: float,
    report: Report,
) -> list[UploadJob]:
    """An upload for each path, under its own name or the one of `names`; `folder` is the journal's."""
    paths = arguments.paths("paths", paths)
    names = None if names is None else arguments.texts("names", names)
    if names is not None and len(names) != len(paths):
        raise RequestError(ErrorCode.BAD_REQUEST, "give as many names as paths, or none")
    journal = Journal(folder, repr(([os.path.abspath(path) for path in paths], names)))  # noqa: PTH100 - as above
    return [
        UploadJob(Path(path), None if names is None else names[at], order, journal, limit, report)
        for at, path in enumerate(paths)
    ]
