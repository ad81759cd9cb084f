"""The one loop: drain, decode, dispatch, commit, perform effects, tick.

It alone touches the sockets (but for binding) and the store's commit. A turn drains what is waiting, stores
all of it with one fsync, and only then answers and publishes. Nothing a peer sends can stop it.
"""

import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import structlog
import zmq

from cnmessage_broker import delivery, dispatch
from cnmessage_broker.answers import Answers
from cnmessage_broker.context import Caller, Deps
from cnmessage_broker.doorbell import Doorbell
from cnmessage_broker.effects import (
    Confirm,
    Effect,
    MarkRead,
    MarkReceived,
    Presence,
    Push,
    Refuse,
    Reply,
    Submit,
    Tell,
    Work,
)
from cnmessage_broker.filelink import FileLink
from cnmessage_broker.handlers.expiry import sweep
from cnmessage_broker.keyprobe import KeyProbe
from cnmessage_broker.passwords import PasswordPool, PoolFullError
from cnmessage_broker.pending import Origin, Pending, Ticket, sent
from cnmessage_broker.ports import Stored, StoreError
from cnmessage_broker.sockets import Sockets
from cnmessage_broker.zap import Admission
from cnmessage_protocol import deliveries
from cnmessage_protocol.envelope import unpack_request
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.messages import Request

DRAIN = 1000
"""Most requests taken in one turn."""

TURN = 0.05
GROUP = 10_000
"""Seconds a turn may take requests for, and messages it may collect: however much some send, it soon ends."""

TICK = 0.25
"""Seconds between looks at what time alone brings about."""

PRESENCE_INTERVAL = 1.0
SWEEP_INTERVAL = 10.0
_MAX_NEWS = 1024


class Reactor:
    """Runs a broker until told to stop. `public_key` is what the probe tells, raw 32 bytes."""

    def __init__(
        self,
        sockets: Sockets,
        deps: Deps,
        pool: PasswordPool,
        public_key: bytes,
        link: FileLink,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._sockets = sockets
        self._deps = deps
        self._pool = pool
        self._probe = KeyProbe(sockets.probe, public_key)
        self._log = log
        self._admission = Admission()
        self._doorbell = Doorbell(sockets.deliveries, deps.attachments, log)
        self._answers = Answers(sockets.requests, link, log)
        self._link = link
        self._pending = Pending()
        self._done: deque[tuple[Origin | Ticket, Callable[[Any], list[Effect]], Future[Any]]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._next_tick = 0.0
        self._next_presence = 0.0
        self._next_sweep = 0.0
        link.to_reactor.wake = self._wake
        self._warned: Counter[str] = Counter()
        self._disk_failing = False
        self._more = False
        self.failed = False

    def stop(self) -> None:
        """Ask the loop to end after its current turn; safe from any thread and from a signal handler."""
        self._deps.stopping = True
        self._wake()

    def run(self) -> None:
        """Serve until `stop`; what was accepted is committed and answered before this returns."""
        poller = zmq.Poller()
        mine = self._sockets
        for each in (mine.zap, mine.requests, mine.deliveries, mine.probe):
            poller.register(each, zmq.POLLIN)
        poller.register(self._wake_out, zmq.POLLIN)
        while not (self._deps.stopping or self.failed):
            wait = 0.0 if self._more else self._next_tick - self._deps.monotonic()
            poller.poll(max(0, int(wait * 1000)))
            self._guarded_turn()
        self._guarded_turn()
        farewell = {"reason": str(ErrorCode.SHUTDOWN)}
        self._perform_all(None, delivery.notices(self._deps.attachments, deliveries.Closed.KIND, farewell))

    def close(self) -> None:
        """Release what the loop itself holds."""
        self._wake_in.close()
        self._wake_out.close()

    def _guarded_turn(self) -> None:
        try:
            self.turn()
        except StoreError as error:
            self._log.error("the store failed", error=str(error))
            self.failed = True

    def turn(self) -> None:
        """One round: everything that waits, one commit, then answers and deliveries."""
        self._drain_wakeups()
        self._admission.drain(self._sockets.zap)
        self._perform_all(None, self._doorbell.drain(self._deps.store))
        self._probe.drain()
        self._drain_requests()
        for ask in self._link.to_reactor.take():
            caller = self._caller(ask.key, ask.address)
            self._dispatch(Ticket(ask.ticket), ask.request, caller)
        while self._done:
            self._finish_work(*self._done.popleft())
        now = self._deps.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._tick(now)
        self._commit()

    # -- draining ---------------------------------------------------------------------------------

    def _drain_wakeups(self) -> None:
        try:
            while self._wake_out.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _drain_requests(self) -> None:
        receive = self._sockets.requests.recv_multipart
        ends = self._deps.monotonic() + TURN
        self._more = True
        for _ in range(DRAIN):
            if self._deps.monotonic() > ends or len(self._pending.group.submissions) >= GROUP:
                return
            try:
                frames = receive(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                self._more = False
                return
            self._request(frames)

    def _request(self, frames: list[zmq.Frame]) -> None:
        try:
            key = str(frames[0].get("User-Id"))
        except zmq.ZMQError:
            self._warn("unknown peer", "a frame came without ZAP's word; it was dropped")
            return
        routing_id = frames[0].bytes
        if len(frames) != 2:
            self._warn(key, "a request must be one frame")
            text = "a request must be exactly one frame"
            self._perform(Origin(routing_id, 0), Refuse(RequestError(ErrorCode.BAD_REQUEST, text)))
            return
        try:
            call = unpack_request(frames[1].bytes)
        except ProtocolError as error:
            self._warn(key, error.message)
            refusal = Refuse(RequestError(error.code, error.message))
            self._perform(Origin(routing_id, error.request_id), refusal)
            return
        caller = self._caller(key, self._admission.address_of(key))
        self._dispatch(Origin(routing_id, call.request_id), call.request, caller)

    def _caller(self, key: str, address: str) -> Caller:
        device = self._deps.store.device(key)
        account = None if device is None else self._deps.store.account(device.account)
        return Caller(key, address, device, account)

    def _dispatch(self, origin: Origin | Ticket, request: Request, caller: Caller) -> None:
        if dispatch.command_of(request).settled:
            self._commit()
        self._run(origin, lambda: dispatch.run(request, caller, self._deps), request.VERB)

    def _run(self, origin: Origin | Ticket, step: Callable[[], list[Effect]], what: str) -> None:
        try:
            effects = step()
        except Exception as error:  # noqa: BLE001 - the one place where a fault of ours must not stop the broker
            self._log.exception("a handler failed", verb=what)
            self.failed = self.failed or isinstance(error, StoreError)
            effects = [Refuse(RequestError(ErrorCode.INTERNAL, "the broker failed on this request"))]
        self._perform_all(origin, effects)

    def _warn(self, key: str, text: str) -> None:
        self._warned[key] += 1
        if self._warned[key] == 1:
            self._log.warning("bad frame", peer=key, reason=text)
        if len(self._warned) > 10_000:
            self._warned.clear()

    # -- effects ----------------------------------------------------------------------------------

    def _perform_all(self, origin: Origin | Ticket | None, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._perform(origin, effect)

    def _perform(self, origin: Origin | Ticket | None, effect: Effect) -> None:
        group = self._pending.group
        match effect:
            case Reply(result):
                self._answers.answer(origin, result)
            case Refuse(error):
                self._answers.refuse(origin, error)
            case Submit() if origin is not None:
                if group.presence:
                    self._commit()  # who came or went did so before this message
                    group = self._pending.group
                group.submissions += effect.submissions
                self._pending.answers.append((origin, effect))
            case Confirm() if origin is not None:
                self._pending.answers.append((origin, effect))
            case MarkRead(owner, upto):
                group.read[owner] = max(upto, group.read.get(owner, 0))
            case MarkReceived(owner, upto):
                group.received[owner] = max(upto, group.received.get(owner, 0))
            case Presence(owner, online):
                group.presence.append((owner, online, self._deps.now_ms()))
            case Push():
                self._doorbell.ring(effect)
            case Tell(news):
                self._link.to_files.put(news)
            case Work(job, then) if origin is not None:
                self._start_work(origin, job, then)
            case _:
                self._log.error("an effect without a request", effect=type(effect).__name__)

    def _start_work(
        self,
        origin: Origin | Ticket,
        job: Callable[[], Any],
        then: Callable[[Any], list[Effect]],
    ) -> None:
        def finished(future: Future[Any]) -> None:
            self._done.append((origin, then, future))
            self._wake()

        try:
            self._pool.submit(job, finished)
        except PoolFullError:
            text = "too many people are logging in; try again in a moment"
            self._answers.refuse(origin, RequestError(ErrorCode.BUSY, text))

    def _finish_work(
        self, origin: Origin | Ticket, then: Callable[[Any], list[Effect]], future: Future[Any]
    ) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._log.error("password work failed", error=repr(error))
            self._answers.refuse(
                origin, RequestError(ErrorCode.INTERNAL, "the broker failed on this request")
            )
            return
        self._commit()
        self._run(origin, lambda: dispatch.guarded(lambda: then(future.result())), "password work")

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"\0")
        except OSError:
            return  # full: it is awake already; closed: it is done

    # -- commit and time --------------------------------------------------------------------------

    def _commit(self) -> None:
        if not self._pending.group and not self._pending.answers:
            return
        pending, self._pending = self._pending, Pending()
        try:
            outcomes = self._deps.store.commit(pending.group)
        except StoreError as error:
            self._commit_failed(pending, error)
            return
        self._disk_failing = False
        if outcomes:
            self._link.talked_at = self._deps.monotonic()
        place = 0
        for origin, effect in pending.answers:
            match effect:
                case Confirm(result):
                    self._answers.answer(origin, result)
                case Submit():
                    upto = place + len(effect.submissions)
                    self._answers.answer(origin, sent(effect, outcomes[place:upto]))
                    place = upto
        stored = [
            (new, outcome)
            for new, outcome in zip(pending.group.submissions, outcomes, strict=True)
            if isinstance(outcome, Stored)
        ]
        self._perform_all(None, delivery.pushes(self._deps.attachments, stored))

    def _commit_failed(self, pending: Pending, error: StoreError) -> None:
        if not self._disk_failing:
            self._log.error("commit failed", error=str(error), messages=len(pending.group.submissions))
        self._disk_failing = True
        text = f"{error}; nothing was stored, try again later"
        for origin, _ in pending.answers:
            self._answers.refuse(origin, RequestError(ErrorCode.STORAGE, text))
        # Marks, and who came and went, are known only here, so they are tried again with each turn.
        self._pending.group = replace(pending.group, submissions=[])
        self.failed = self.failed or error.fatal

    def _tick(self, now: float) -> None:
        attachments = self._deps.attachments
        for attachment in attachments.expired(now):
            self._log.info("user is silent", user=attachment.name)
            if attachments.remove(attachment):
                self._perform(None, Presence(attachment.owner, online=False))
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL
            self._commit()  # an upload whose end waits in the group is not abandoned
            self._perform_all(None, dispatch.guarded(lambda: sweep(self._deps)))
        if now >= self._next_presence:
            news = attachments.take_changes()
            self._next_presence = now + PRESENCE_INTERVAL
            for start in range(0, len(news), _MAX_NEWS):
                values = {"changes": news[start : start + _MAX_NEWS]}
                self._perform_all(None, delivery.notices(attachments, deliveries.Presence.KIND, values))
