"""The transfers under way on the broker's side: what clients say, what the reactor answers, whose turn it is.

Holds the uploads and downloads by their peer. A failing transfer ends by itself and disturbs no other. Must
not touch the store: what needs it is asked of the reactor.
"""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import structlog

from cnmessage_broker.between import (
    NO_TICKET,
    Begin,
    Begun,
    Complete,
    Crowded,
    FileAnswer,
    FileRequest,
    Finished,
    Gone,
    Lanes,
    News,
    Open,
    Progress,
    Ready,
    Release,
    Unbound,
    Unused,
)
from cnmessage_broker.config import Config
from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.channel import Channel, GoneError
from cnmessage_broker.files.crowd import Crowd, CrowdedError
from cnmessage_broker.files.descriptors import Descriptors
from cnmessage_broker.files.download import OpenDownload
from cnmessage_broker.files.leaving import Leaving
from cnmessage_broker.files.mishaps import FULL, Mishaps
from cnmessage_broker.files.pace import Pace
from cnmessage_broker.files.peers import AuthenticatedDevice, Peer, short
from cnmessage_broker.files.room import check_room
from cnmessage_broker.files.upload import OpenUpload, Stage
from cnmessage_broker.files.workers import Workers
from cnmessage_protocol.errors import CnMessageError, ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.files.channel import (
    Chunk,
    Credit,
    Fetched,
    FileMessage,
    Finish,
    Get,
    Kept,
    Noted,
    Pause,
    Put,
    Stop,
    stop,
)
from cnmessage_protocol.requests import Request, Withdraw
from cnmessage_protocol.results import Sent
from cnmessage_protocol.trace import Trail

ROUNDS = 8
"""Chunks sent to each receiver before what clients say gets its turn."""

_UNKNOWN = RequestError(ErrorCode.NOT_ATTACHED, "this transfer is not open here; ask again")
_SHUTDOWN = RequestError(ErrorCode.SHUTDOWN, "the broker is stopping; ask again once it is back")


class Transfers:
    """All transfers. Blocking work goes to `workers`; `wake` says that some of it is done."""

    def __init__(
        self,
        channel: Channel,
        blobs: Blobs,
        link: Lanes,
        pace: Pace,
        config: Config,
        workers: Workers,
        wake: Callable[[], None],
        log: structlog.typing.FilteringBoundLogger,
        trail: Trail,
    ) -> None:
        self._trail = trail
        self._channel = channel
        self._blobs = blobs
        self._link = link
        self._pace = pace
        self._config = config
        self._workers = workers
        self._wake = wake
        self._log = log
        self._mishaps = Mishaps(log)
        self._descriptors = Descriptors()
        self._intakes: dict[Peer, OpenUpload] = {}
        self._by_file: dict[bytes, OpenUpload] = {}
        self._worked_at: deque[bytes] = deque()
        self._servings: dict[Peer, OpenDownload] = {}
        self._leaving = Leaving()
        self._crowd = Crowd(config)
        self._devices = self._crowd.devices
        self._tickets = count(NO_TICKET + 1)
        self._asked: dict[int, tuple[Peer, Request]] = {}
        self._given_up: dict[int, AuthenticatedDevice] = {}
        self._sent = False

    def shut_down(self) -> None:
        """Tell every client that its transfer has ended, and may go on with the next broker."""
        for peer in list(self._devices):
            self._say(peer, stop(_SHUTDOWN))

    def close(self) -> None:
        """Let go of everything; what uploads have sent stays on disk. What runs on a worker ends soon."""
        for peer in [*self._intakes, *self._servings]:
            self._drop(peer)

    # -- what clients say -------------------------------------------------------------------------

    def received(
        self,
        now: float,
        peer: Peer,
        device: AuthenticatedDevice,
        message: FileMessage | ProtocolError,
        data: memoryview,
    ) -> None:
        """A client said something, malformed perhaps; `data` is a chunk's bytes."""
        if isinstance(message, ProtocolError):
            self._refuse(peer, message)
        elif isinstance(message, Put | Get | Fetched):
            self._guarded(peer, lambda: self._open(peer, device, message), device)
        elif peer in self._devices:
            self._guarded(peer, lambda: self._go_on(now, peer, message, data))
        elif not isinstance(message, Pause | Stop):
            self._say(peer, stop(_UNKNOWN))

    def _refuse(self, peer: Peer, error: ProtocolError) -> None:
        """A malformed message ends its transfer, and takes nothing of it away."""
        self._say(peer, stop(RequestError(error.code, error.message)))
        self._pause(peer)

    def _open(self, peer: Peer, device: AuthenticatedDevice, message: FileMessage) -> None:
        match message:
            case Fetched():
                self._crowd.check(peer, device)
                self._ask(peer, device, Finished(peer.transfer, whole=True))
            case Put():
                self._crowd.check(peer, device)
                self._ask(peer, device, Begin(peer.transfer, message))
            case Get():
                self._crowd.check(peer, device)
                self._drop(peer)
                self._ask(peer, device, Open(peer.transfer, message))
            case _:
                return

    def _go_on(self, now: float, peer: Peer, message: FileMessage, data: memoryview) -> None:
        intake, serving = self._intakes.get(peer), self._servings.get(peer)
        match message:
            case Chunk(offset) if intake is not None:
                self._pace.moved(now, len(data))
                most = self._pace.chunk(now, len(self._devices))
                self._say_all(peer, intake.chunk(now, offset, data, most, gently=self._pace.gentle(now)))
            case Finish(sha256) if intake is not None:
                self._say_all(peer, intake.finish(sha256))
            case Credit(upto, chunk) if serving is not None:
                serving.flow.credited(upto, chunk)
            case Pause():
                self._pause(peer)
            case Stop():
                self._give_up(peer)
            case _:
                return  # of an upload that is just being opened

    def _pause(self, peer: Peer) -> None:
        """The client stops for now; after FINISH its upload is recorded all the same."""
        if peer not in self._intakes or not self._intakes[peer].said_all:
            self._drop(peer)

    def _give_up(self, peer: Peer) -> None:
        """The client does not want this any more; after FINISH its upload is recorded all the same."""
        device, intake = self._devices[peer], self._intakes.get(peer)
        if intake is not None and intake.said_all:
            return
        asked = {ticket: request for ticket, (asker, request) in self._asked.items() if asker == peer}
        downloads = peer in self._servings or any(isinstance(each, Open) for each in asked.values())
        self._drop(peer)  # first: it tells how far a download came
        if intake is not None:
            self._tell(device, Withdraw(intake.file))
        elif downloads:
            self._tell(device, Finished(peer.transfer, whole=False))
        else:
            self._given_up |= dict.fromkeys(asked, device)  # only the answer names the upload's file

    # -- what the reactor says --------------------------------------------------------------------

    def _ask(self, peer: Peer, device: AuthenticatedDevice, request: Request) -> None:
        ticket = next(self._tickets)
        self._trail.note("transfer", "open", "asked", "waiting", request.VERB, short(peer))
        self._asked[ticket] = peer, request
        self._crowd.enter(peer, device)
        self._link.to_reactor.put(FileRequest(ticket, device.key, device.address, request))

    def _tell(self, device: AuthenticatedDevice, request: Request) -> None:
        self._link.to_reactor.put(FileRequest(NO_TICKET, device.key, device.address, request))

    def handle(self, news: News) -> None:
        """The reactor answered, or tells what has ended."""
        match news:
            case FileAnswer(ticket, Begun(file), _) if ticket in self._given_up:
                del self._asked[ticket]
                self._tell(self._given_up.pop(ticket), Withdraw(file))
            case FileAnswer(ticket, result, error) if ticket in self._asked:
                peer, request = self._asked.pop(ticket)
                self._given_up.pop(ticket, None)
                if isinstance(request, Complete):  # its client may have come back on a fresh link meanwhile
                    known = self._by_file.get(request.file)
                    peer = peer if known is None else known.peer
                self._guarded(peer, lambda: self._answered(peer, request, result, error))
            case Gone(file, error, None):
                self._end_file(file, error)
            case Gone(file, error, int(account)):
                for peer in [each for each in self._servings if each.transfer == file]:
                    if self._crowd.is_of(peer, account):
                        self._end(peer, error)
            case Release(sha256) if not self._is_completing(sha256):
                self._blobs.drop_blob(sha256)
            case Unbound(key):
                refusal = RequestError(ErrorCode.UNAUTHENTICATED, "this device was logged out")
                for peer in [peer for peer, device in self._devices.items() if device.key == key]:
                    self._end(peer, refusal)
            case _:
                return

    def _is_completing(self, sha256: bytes) -> bool:
        """Whether an upload with this content is about to be recorded, its client there or not."""
        asked = [request.sha256 for _, request in self._asked.values() if isinstance(request, Complete)]
        return sha256 in asked or any(each.sha256 == sha256 for each in self._intakes.values())

    def _answered(self, peer: Peer, request: Request, result: Any, error: RequestError | None) -> None:
        word = "answered" if error is None else "refused"
        self._trail.note(
            "transfer", "waiting", word, "open", "" if error is None else error.code, short(peer)
        )
        if error is not None:
            raise error
        match request, result:
            case Begin(), Kept():
                self._say(peer, result)
                self._drop(peer)
            case Begin(), Begun(file, size, account) if peer in self._devices:
                self._crowd.belongs(peer, account)
                self._begin(peer, file, size, account)
            case Complete(file, _), Sent(acks, refused):
                if refused:
                    raise RequestError(ErrorCode(refused[0][1]), refused[0][2])
                _, message, seq, recipients = acks[0]
                self._blobs.drop_part(file)  # first: once its client is told, nothing of it is left to do
                self._say(peer, Kept(file, message, seq, recipients))
                self._drop(peer)
            case Open(_, get), Ready(opened, account) if peer in self._devices:
                self._crowd.belongs(peer, account)
                device = self._devices[peer]
                self._servings[peer] = OpenDownload(
                    peer, device, account, get, opened, self._blobs, self._descriptors
                )
                self._trail.note("download", "none", "opened", "sending", f"offset {get.offset}", short(peer))
                self._say(peer, opened)
            case Finished(), Noted():
                self._say(peer, result)
                self._drop(peer)
            case _:
                return

    def _begin(self, peer: Peer, file: bytes, size: int, account: int) -> None:
        earlier = self._by_file.get(file)
        if earlier is None:
            self._check_room(peer, file, size)
            self._intakes[peer] = self._by_file[file] = OpenUpload(
                peer,
                file,
                size,
                self._blobs,
                self._descriptors,
                self._workers.of(account),
                lambda: self._done(file),
                self._trail.of(short(peer)),
            )
            return
        if earlier.peer != peer:
            del self._intakes[earlier.peer]
            self._crowd.leave(earlier.peer)
            self._intakes[peer] = earlier
        self._say_all(peer, earlier.continues(peer))

    def _check_room(self, peer: Peer, file: bytes, size: int) -> None:
        try:
            check_room(self._blobs, self._config.disk_reserve, file, size, self._intakes.values())
        except RequestError:
            if not self._blobs.size_of_part(file):
                self._tell(self._devices[peer], Withdraw(file))  # nothing is kept that could go on
            raise

    def _end_file(self, file: bytes, error: RequestError) -> None:
        going: list[OpenUpload | OpenDownload] = [*self._intakes.values(), *self._servings.values()]
        for peer in [each.peer for each in going if each.file == file]:
            self._say(peer, stop(error))
            self._drop(peer)
        self._blobs.drop_part(file)

    # -- work and chunks --------------------------------------------------------------------------

    def finish_work(self) -> None:
        """Look which workers are done, and go on from there."""
        while self._worked_at:
            intake = self._by_file.get(self._worked_at.popleft())
            if intake is not None:
                self._guarded(intake.peer, lambda: self._worked(intake))  # noqa: B023 - run at once
        self.let_go()

    def _done(self, file: bytes) -> None:
        """A worker is done with something of this upload; called on its thread."""
        self._worked_at.append(file)
        self._wake()

    def let_go(self) -> None:
        """Forget uploads whose work has ended; what it made may be of no use."""
        for device, sha256 in self._leaving.ended():
            self._tell(device, Unused(sha256))

    def _worked(self, intake: OpenUpload) -> None:
        before = intake.stage
        self._say_all(intake.peer, intake.work_done())
        if intake.stage is Stage.RECORDING and before is not Stage.RECORDING:
            self._ask(intake.peer, self._devices[intake.peer], Complete(intake.file, intake.sha256))

    def send_chunks(self, now: float) -> bool:
        """A chunk to each receiver in turn; whether more could go at once."""
        for _ in range(1 if self._pace.gentle(now) else ROUNDS):
            moved = False
            for serving in list(self._servings.values()):
                self._guarded(serving.peer, lambda: self._send_chunk(now, serving))  # noqa: B023 - run at once
                moved |= self._sent
            if not moved:
                return False
        return True

    def _send_chunk(self, now: float, serving: OpenDownload) -> None:
        self._sent = False
        chunk = serving.next_chunk(now, self._pace.chunk(now, len(self._devices)))
        if chunk is None:
            return
        offset, data = chunk
        if self._say(serving.peer, Chunk(offset), data):
            serving.sent(len(data))
            self._pace.moved(now, len(data))
            self._sent = True

    def beat(self, now: float) -> None:
        """A sign of life to each client; how far downloads are, to the reactor. What is idle is closed."""
        self._descriptors.close_idle(now)
        self._mishaps.beat()
        for intake in list(self._intakes.values()):
            self._say(intake.peer, intake.beat())
        for serving in list(self._servings.values()):
            if serving.flow.offset != serving.reported:
                serving.reported = serving.flow.offset
                self._tell(serving.device, Progress(serving.file, serving.account, serving.reported))
            # Last, for it finds out whether it is still there: where it stopped is the last word on it.
            self._say(serving.peer, Credit(serving.flow.offset))

    # -- saying and ending ------------------------------------------------------------------------

    def _say_all(self, peer: Peer, messages: Iterable[FileMessage]) -> None:
        for message in messages:
            self._say(peer, message)

    def _say(self, peer: Peer, message: FileMessage, data: bytes | None = None) -> bool:
        """Send; False when the client does not read. One that is gone loses its transfers."""
        try:
            return self._channel.say(peer, message, data)
        except GoneError:
            for gone in [each for each in self._devices if each.link is peer.link]:
                if gone not in self._intakes or not self._intakes[gone].said_all:
                    self._drop(gone)
            return False

    def _guarded(
        self, peer: Peer, step: Callable[[], None], device: AuthenticatedDevice | None = None
    ) -> None:
        """Run a step of one transfer; what fails ends this transfer and no other."""
        try:
            step()
        except CnMessageError as error:
            device = device or self._devices.get(peer)
            if isinstance(error, CrowdedError) and device is not None:
                self._tell(device, Crowded())
            self._end(peer, RequestError(error.code, error.message))
        except OSError as error:
            if peer in self._intakes and error.errno in FULL:
                # It goes first: on a full disk nobody can write down that it goes.
                file = self._intakes[peer].file
                self._blobs.drop_part(file)
                self._tell(self._devices[peer], Withdraw(file))
            self._end(peer, self._mishaps.refusal(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not stop the thread
            self._log.exception("the file thread failed on a transfer")
            self._end(peer, RequestError(ErrorCode.INTERNAL, "the broker failed on this transfer"))

    def _end(self, peer: Peer, error: RequestError) -> None:
        self._trail.note("transfer", "open", "stopped", "ended", error.code, short(peer))
        self._say(peer, stop(error))
        self._drop(peer)

    def _drop(self, peer: Peer) -> None:
        """Forget a transfer, and what its download has asked; what an upload has sent stays on disk."""
        for ticket, (asker, request) in list(self._asked.items()):
            if asker == peer and isinstance(request, Open | Finished):
                del self._asked[ticket]  # the answer would be taken for that of the next one
        device, intake = self._crowd.leave(peer), self._intakes.pop(peer, None)
        if intake is not None:
            self._trail.note("upload", intake.stage, "left", "ended", "", short(peer))
            self._by_file.pop(intake.file, None)
        if intake is not None and device is not None:
            self._leaving.add(intake, device)
        serving = self._servings.pop(peer, None)
        if serving is not None:
            self._trail.note(
                "download", "sending", "left", "ended", f"offset {serving.flow.offset}", short(peer)
            )
            serving.close()
            if device is not None:
                self._tell(device, Progress(serving.file, serving.account, serving.flow.offset, paused=True))
