"""The one loop: drain, take turns, dispatch, commit, perform effects, tick.

It alone touches the sockets (but for binding) and the store's commit. A turn reads what is waiting, does work
of bounded size, each key in its turn, stores all of it with one fsync, and only then answers and publishes.
Nothing a peer sends can stop it or make it neglect the others.
"""

import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from math import ceil
from typing import Any

import structlog
import zmq

from cnmessage_broker.between import Ask, FileLink
from cnmessage_broker.loop import delivery, dispatch
from cnmessage_broker.loop.answers import Answers, Asker
from cnmessage_broker.loop.arrivals import Arrivals, Frame, Waiting
from cnmessage_broker.loop.attention import Attention
from cnmessage_broker.loop.commit import Commit
from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.doorbell import Doorbell
from cnmessage_broker.loop.effects import (
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
from cnmessage_broker.loop.handlers.messages import rows_of
from cnmessage_broker.loop.passwords import PasswordPool, PoolFullError
from cnmessage_broker.loop.upkeep import Upkeep
from cnmessage_broker.net.sockets import Sockets
from cnmessage_broker.net.zap import Admission
from cnmessage_broker.scheduling.asker import Origin, Ticket
from cnmessage_broker.scheduling.slices import SLICE, Part, Slices
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_broker.watchdog import Watchdog
from cnmessage_protocol import deliveries
from cnmessage_protocol.envelope import peek_request_id, unpack_request
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.requests import Request, Send

TURN = 0.003
ROWS = 300
"""Seconds of work in a turn, and inbox rows for one commit: what a newcomer may have to wait for."""

ALONE = 10
"""How many times as much it may be while no light user talks."""

ROW_SECONDS = 1e-5
STEP_SECONDS = 2e-5
"""What an inbox row costs at the commit, and any request at least, in the fair queue's seconds."""

_CROWDED = RequestError(
    ErrorCode.BUSY, "too many requests of this device wait already; wait for some answers"
)

TICK = 0.25
"""Seconds between looks at what time alone brings about."""


class Reactor:
    """Runs a broker until told to stop."""

    def __init__(
        self,
        sockets: Sockets,
        deps: Deps,
        pool: PasswordPool,
        admission: Admission,
        link: FileLink,
        watchdog: Watchdog,
        descriptors: int,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._sockets = sockets
        self._deps = deps
        self._pool = pool
        self._log = log
        self._admission = admission
        self._links = sockets.request_links
        self._attention = deps.attention = Attention(deps.monotonic())
        self._doorbell = Doorbell(
            sockets.deliveries, sockets.delivery_links, deps.attachments, admission.bar, log
        )
        self._answers = Answers(sockets.requests, self._links, link, deps.monotonic, log)
        self._arrivals = Arrivals(sockets.requests, self._links, self._turn_away, log)
        self._link = link
        self._group = Commit(deps, self._answers, self._doorbell, link, log)
        self._upkeep = Upkeep(
            deps,
            {"requests": sockets.request_links, "deliveries": sockets.delivery_links},
            watchdog,
            descriptors,
            lambda: self._arrivals.turns.size,
            log,
        )
        self._done: deque[tuple[Asker, Callable[[Any], list[Effect]], Future[Any]]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._next_tick = 0.0
        link.to_reactor.wake = self._wake
        self._warned: Counter[str] = Counter()
        self._more = False
        self._broken = False

    @property
    def failed(self) -> bool:
        """Whether it ended, or must end, because the disk failed."""
        return self._broken or self._group.failed

    @property
    def exhausted(self) -> bool:
        """Whether it ended, or must end, because memory ran out."""
        return self._upkeep.exhausted

    def stop(self) -> None:
        """Ask the loop to end after its current turn; safe from any thread and from a signal handler."""
        self._deps.stopping = True
        self._wake()

    def run(self) -> None:
        """Serve until `stop`; what was accepted is committed and answered before this returns."""
        poller = zmq.Poller()
        mine = self._sockets
        mine.door.register(poller)
        for each in (mine.requests, mine.deliveries):
            poller.register(each, zmq.POLLIN)
        for links in (mine.request_links, mine.delivery_links):
            poller.register(links.monitor, zmq.POLLIN)
        poller.register(self._wake_out, zmq.POLLIN)
        while not (self._deps.stopping or self.failed or self.exhausted):
            poller.poll(self._pause())
            self._guarded_turn()
        self._guarded_turn()
        farewell = {"reason": str(ErrorCode.SHUTDOWN)}
        self._perform_all(None, delivery.notices(self._deps.attachments, deliveries.Closed.KIND, farewell))

    def _pause(self) -> int:
        """Milliseconds until there is something to do even if nobody comes."""
        if self._more or self._done:
            return 0
        now = self._deps.monotonic()
        waits = [self._next_tick - now, self._arrivals.turns.wait(now), self._sockets.door.wait()]
        return max(0, ceil(min(each for each in waits if each is not None) * 1000))

    def close(self) -> None:
        """Release what the loop itself holds."""
        self._wake_in.close()
        self._wake_out.close()

    def _guarded_turn(self) -> None:
        try:
            self.turn()
        except StoreError as error:
            self._log.error("the store failed", error=str(error))
            self._broken = True

    def turn(self) -> None:
        """One round: what waits is read, some of it done, one commit, then answers and deliveries."""
        now = self._deps.monotonic()
        self._drain_wakeups()
        for links in (self._links, self._sockets.delivery_links):
            links.drain(now)
        self._perform_all(None, self._doorbell.drain(self._deps.store, now))
        self._more = True
        for beat in self._arrivals.drain(self._deps.monotonic):
            if beat is None:
                self._more = False
                self._attention.heard_all(self._deps.monotonic())
            else:
                self._request(beat)
        self._sockets.door.drain()
        for ask in self._link.to_reactor.take():
            if not self._arrivals.ask(ask, now):
                self._answers.refuse(Ticket(ask.ticket), _CROWDED)
        if self._done:  # one in a turn: each waits for the disk
            self._finish_work(*self._done.popleft())
        self._serve()
        now = self._deps.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._perform_all(None, self._upkeep.look(now))
            self._link.pressed = self._deps.pressed
        self._group.run()

    # -- taking turns -----------------------------------------------------------------------------

    def _drain_wakeups(self) -> None:
        try:
            while self._wake_out.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _serve(self) -> None:
        """Do what waits, each key in its turn, until the turn has taken long enough."""
        monotonic, turns = self._deps.monotonic, self._arrivals.turns
        now = monotonic()
        longer = 1 if turns.company(now) else ALONE
        ends, rows_at_most = now + TURN * longer, ROWS * longer
        self._arrivals.come_back(now)
        heavy = False
        while (taken := self._arrivals.take(now)) is not None:
            key, item, _ = taken
            heavy = heavy or turns.heavy
            started, rows = now, self._group.rows
            self._step(key, item)
            now = monotonic()
            written = max(0, self._group.rows - rows)
            turns.served(key, max(STEP_SECONDS, now - started) + written * ROW_SECONDS, now)
            if now > ends or self._group.rows >= rows_at_most:
                break
        self._group.run()
        if heavy:
            after = monotonic()
            turns.rest(after - ends + TURN * longer, after)

    def _step(self, key: str, item: Waiting) -> None:
        match item:
            case Frame():
                self._request(item)
            case Slices():
                if item.waiting:  # else a slice was refused meanwhile, and all of it with that
                    self._slice(key, item)
            case Ask(ticket, device, address, request):
                self._dispatch(Ticket(ticket), request, self._caller(device, address))

    def _request(self, frame: Frame) -> None:
        link = frame.link
        if frame.body is None:
            self._warn(link.key, "a request must be one frame")
            text = "a request must be exactly one frame"
            self._perform(Origin(link, 0), Refuse(RequestError(ErrorCode.BAD_REQUEST, text)))
            return
        try:
            call = unpack_request(frame.body)
        except ProtocolError as error:
            self._warn(link.key, error.message)
            refusal = Refuse(RequestError(error.code, error.message))
            self._perform(Origin(link, error.request_id), refusal)
            return
        origin, address = Origin(link, call.request_id), link.address or self._admission.address_of(link.key)
        if isinstance(call.request, Send) and self._is_wide(call.request):
            self._slice(link.key, Slices(origin, address, frame.body, call.request.messages))
        else:
            self._dispatch(origin, call.request, self._caller(link.key, address))

    def _is_wide(self, request: Send) -> bool:
        return sum(rows_of(each, self._deps) for each in request.messages) > SLICE

    def _slice(self, key: str, slices: Slices) -> None:
        """Store some of a wide SEND; the rest comes back in its turn."""
        request, part = slices.next(lambda message: rows_of(message, self._deps)), Part(slices)
        self._dispatch(part, request, self._caller(key, slices.address))
        if slices.waiting:
            self._arrivals.turns.put_back(key, slices, slices.size, self._deps.monotonic())

    def _turn_away(self, frame: Frame) -> None:
        origin = Origin(frame.link, peek_request_id(frame.body or b""))
        self._answers.refuse(origin, _CROWDED)

    def _caller(self, key: str, address: str) -> Caller:
        device = self._deps.store.device(key)
        account = None if device is None else self._deps.store.account(device.account)
        return Caller(key, address, device, account)

    def _dispatch(self, asker: Asker, request: Request, caller: Caller) -> None:
        if isinstance(request, Send):
            self._arrivals.turns.talked(self._deps.monotonic())
        if dispatch.command_of(request).settled and caller.account is not None:
            self._group.settle(caller.account.id)
        self._run(asker, lambda: dispatch.run(request, caller, self._deps), request.VERB, caller)

    def _run(
        self, asker: Asker, step: Callable[[], list[Effect]], what: str, caller: Caller | None = None
    ) -> None:
        try:
            effects = step()
        except Exception as error:  # noqa: BLE001 - the one place where a fault of ours must not stop the broker
            self._log.exception("a handler failed", verb=what)
            self._broken = self._broken or isinstance(error, StoreError)
            effects = [Refuse(RequestError(ErrorCode.INTERNAL, "the broker failed on this request"))]
        self._perform_all(asker, effects, caller)

    def _warn(self, key: str, text: str) -> None:
        self._warned[key] += 1
        if self._warned[key] == 1:
            self._log.warning("bad frame", peer=key, reason=text)
        if len(self._warned) > 10_000:
            self._warned.clear()

    # -- effects ----------------------------------------------------------------------------------

    def _perform_all(
        self, asker: Asker | None, effects: Iterable[Effect], caller: Caller | None = None
    ) -> None:
        for effect in effects:
            self._perform(asker, effect, caller)

    def _perform(self, asker: Asker | None, effect: Effect, caller: Caller | None = None) -> None:
        match effect:
            case Reply(result, looked_at):
                size = self._answers.answer(asker, result)
                if caller is not None:
                    dispatch.spend(dispatch.read_cost(looked_at, size), caller, self._deps)
            case Refuse(error):
                self._answers.refuse(asker, error)
            case Submit() if asker is not None:
                self._group.submit(asker, effect)
            case Confirm() if asker is not None:
                self._group.confirm(asker, effect)
            case MarkRead(owner, upto):
                self._group.read(owner, upto)
            case MarkReceived(owner, upto):
                self._group.received(owner, upto)
            case Presence(owner, online):
                self._group.presence(owner, online=online)
            case Push():
                self._doorbell.ring(effect, self._deps.monotonic())
            case Tell(news):
                self._link.to_files.put(news)
            case Work(job, then) if asker is not None:
                self._start_work(asker, job, then)
            case _:
                self._log.error("an effect without a request", effect=type(effect).__name__)

    def _start_work(self, asker: Asker, job: Callable[[], Any], then: Callable[[Any], list[Effect]]) -> None:
        def finished(future: Future[Any]) -> None:
            self._done.append((asker, then, future))
            self._wake()

        try:
            self._pool.submit(job, finished)
        except PoolFullError:
            text = "too many people are logging in; try again in a moment"
            self._answers.refuse(asker, RequestError(ErrorCode.BUSY, text))

    def _finish_work(self, asker: Asker, then: Callable[[Any], list[Effect]], future: Future[Any]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._log.error("password work failed", error=repr(error))
            text = "the broker failed on this request"
            self._answers.refuse(asker, RequestError(ErrorCode.INTERNAL, text))
            return
        self._run(asker, lambda: dispatch.guarded(lambda: then(future.result())), "password work")

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"\0")
        except OSError:
            return  # full: it is awake already; closed: it is done
