"""The sockets of a client: carries out what the session machine wants, tells it what came and the time.

libzmq's file descriptor is edge-triggered: it says only that something may have changed, so after every
send and every receive the socket's events are looked at again.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import zmq

from cnmessage_client.link.reach import OutOfReachError, in_numbers
from cnmessage_client.link.sockets import CURVE_OVERHEAD, Access, connect, new_context, secured
from cnmessage_client.profile import KeyPair, Profile
from cnmessage_protocol.deliveries import Delivery
from cnmessage_protocol.envelope import MAX_REPLY, Reply, pack_request, unpack_reply
from cnmessage_protocol.errors import CnMessageError, ErrorCode, ProtocolError, broken
from cnmessage_protocol.machines.effects import CloseLink, Effect, Listen, OpenLink, Transmit
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.trace import Trace

DRAIN = 100
"""Most frames taken from a socket before other tasks get their turn."""

SPELL = 0.05
"""Seconds after which other tasks get their turn in any case: large frames must not hold up a deadline."""

_REQUEST_QUEUE = 16
_PUSH_QUEUE = 32
"""Frames of up to 4 MiB that libzmq holds for us, or takes from us, on the two sockets."""

_MOST_BACKLOG = 1024
"""Requests that wait for room on the socket. One that is dropped is repeated, if its answer is wanted."""

_FLUSH_MS = 300

DIAL_PATIENCE = 10.0
DIAL_PAUSE = 0.5
"""Seconds that the addresses of a host have to take a connection, and until they are tried again."""


def new_key_pair() -> tuple[bytes, bytes]:
    """A fresh CURVE key pair as z85 text: (public, secret)."""
    public, secret = zmq.curve_keypair()
    return public, secret


def keys_match(keys: KeyPair) -> bool:
    """Whether the public key belongs to the secret one."""
    try:
        return bool(zmq.curve_public(keys.secret) == keys.public)
    except zmq.ZMQError:
        return False


def device_keys(profile: Profile) -> KeyPair:
    """The profile's keys, or new ones; an integrity error if they are damaged."""
    keys = profile.keys(new_key_pair)
    if not keys_match(keys):
        raise profile.damaged_key()
    return keys


class _Monitor(Protocol):
    def close(self) -> None: ...


class Connection:
    """Drives one session over real sockets. `deliver` gets every effect that is not about sockets.

    `trace` is told what the session and the sockets do, if its trail is listening.
    """

    def __init__(
        self,
        access: Access,
        session: Session,
        deliver: Callable[[Effect], None],
        trace: Trace | None = None,
    ) -> None:
        self.access = access
        self._session = session
        self._deliver = deliver
        self._trace = trace
        self._monitors: dict[int, _Monitor] = {}
        self._loop = asyncio.get_running_loop()
        self._context = new_context()
        self._requests: zmq.Socket[bytes] | None = None
        self._pushes: zmq.Socket[bytes] | None = None
        self._opener: Callable[[list[bytes]], Delivery] | None = None
        self._backlog: dict[int, bytes] = {}
        self._dialling: asyncio.Task[None] | None = None
        self._dials: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._look_scheduled = False
        self.trouble: CnMessageError | None = None
        """Why nothing is heard, as far as it is known."""
        self._ever_open = False
        self.ever_sent = False
        self.ever_heard = False
        self.heard = asyncio.Event()
        self.opened = asyncio.Event()
        self.bad_frames = 0
        self.paused = False

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what the session wants. Raises only when the first link of all cannot be opened."""
        failed: CnMessageError | None = None
        for effect in effects:
            match effect:
                case OpenLink() | Listen():
                    failed = failed or self._hindered(effect)
                case Transmit(request_id, request):
                    if failed is None:
                        self._send(request_id, pack_request(request_id, request))
                case CloseLink(flush):
                    self._close(_FLUSH_MS if flush else 0)
                case _:
                    self._deliver(effect)
        if failed is not None:  # as if the link was lost
            self.trouble = failed
            self.perform(self._session.cut(self.now()))
        self._set_timer()
        self.traced()

    def _hindered(self, effect: OpenLink | Listen) -> CnMessageError | None:
        """Open a socket; why that is not possible now, if there was a link before."""
        try:
            match effect:
                case OpenLink():
                    self._open()
                case Listen(offset, topic, key):
                    self._listen(offset, topic, key)
        except CnMessageError as error:
            if not self._ever_open:
                raise
            return error
        return None

    def traced(self) -> None:
        """Tell what was done since the last time."""
        self._session.trail.tell(self._trace)

    def now(self) -> float:
        """The session's clock: monotonic seconds."""
        return time.monotonic()

    def unreachable(self, *, garbled: bool = False) -> CnMessageError:
        """The error for a broker that does not answer; `garbled` if something came that cannot be read."""
        place = self.access.address.place
        if garbled:
            return CnMessageError(
                ErrorCode.UNREACHABLE,
                f"no answer that can be read from the broker at {place}; tell whoever runs the broker",
            )
        text = (
            f"no answer in time from the broker at {place}; try again"
            if self.ever_heard
            else f"no answer from a broker at {place}; is it running? ('cnmessage-broker start' starts one, "
            "--broker names another)"
        )
        return self.trouble or CnMessageError(ErrorCode.UNREACHABLE, text)

    def look(self) -> None:
        """Look at the sockets again soon: something may wait that no edge will announce."""
        if not self._look_scheduled:
            self._look_scheduled = True
            self._loop.call_soon(self._look)

    async def end(self) -> None:
        """Release everything; blocks for at most the time a flush may take."""
        if self._timer is not None:
            self._timer.cancel()
        self._close(0)
        self.traced()
        await asyncio.gather(*self._dials, return_exceptions=True)
        self._context.term()

    # -- sockets ----------------------------------------------------------------------------------

    def _open(self) -> None:
        self._close(0)
        self.heard.clear()
        self.opened.set()
        self._requests = secured(self._context, zmq.DEALER, self.access)
        self._ever_open = True
        self._requests.setsockopt(zmq.IMMEDIATE, 1)
        self._requests.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY + CURVE_OVERHEAD)
        self._requests.setsockopt(zmq.RCVHWM, _REQUEST_QUEUE)
        self._requests.setsockopt(zmq.SNDHWM, _REQUEST_QUEUE)
        self._watch(self._requests, "requests")
        self._loop.add_reader(self._requests.fileno(), self._look)
        if self.access.address.in_numbers:
            connect(self._requests, self.access, 0)
        else:
            self._dialling = self._loop.create_task(self._dial(self._requests))
            self._dials.add(self._dialling)
            self._dialling.add_done_callback(self._dials.discard)

    async def _dial(self, socket: "zmq.Socket[bytes]") -> None:
        """Connect as soon as it is known where to: a name may mean another machine than the last time."""
        number = ""
        while not number:
            try:
                number = await in_numbers(self.access.address, DIAL_PATIENCE)
            except OutOfReachError as error:
                self.trouble = error
                await asyncio.sleep(DIAL_PAUSE)
        self.access = self.access._replace(number=number)
        connect(socket, self.access, 0)
        self.look()

    def _listen(self, offset: int, topic: bytes, key: bytes) -> None:
        from cnmessage_protocol.sealing import Opener  # noqa: PLC0415 - 30 ms that one-shot commands spare

        self._close_pushes()
        self._opener = Opener(topic, key).open
        self._pushes = secured(self._context, zmq.SUB, self.access)
        self._pushes.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY + CURVE_OVERHEAD)
        self._pushes.setsockopt(zmq.RCVHWM, _PUSH_QUEUE)
        self._pushes.setsockopt(zmq.SUBSCRIBE, topic)
        self._watch(self._pushes, "deliveries")
        connect(self._pushes, self.access, offset)
        self._loop.add_reader(self._pushes.fileno(), self._look)

    def _watch(self, socket: "zmq.Socket[bytes]", name: str) -> None:
        if self._session.trail.listening:
            from cnmessage_client.link.monitor import Monitor  # noqa: PLC0415 - for --debug alone

            self._monitors[socket.fileno()] = Monitor(socket, name, self._session.trail, self.traced)

    def _unwatch(self, socket: "zmq.Socket[bytes]") -> None:
        if (monitor := self._monitors.pop(socket.fileno(), None)) is not None:
            monitor.close()

    def _close(self, linger_ms: int) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
            self._dialling = None
        self._backlog.clear()
        self._close_pushes()
        if self._requests is not None:
            self._unwatch(self._requests)
            self._loop.remove_reader(self._requests.fileno())
            self._requests.close(linger=linger_ms)
            self._requests = None

    def _close_pushes(self) -> None:
        if self._pushes is not None:
            self._unwatch(self._pushes)
            self._loop.remove_reader(self._pushes.fileno())
            self._pushes.close(linger=0)
            self._pushes = None

    # -- traffic ----------------------------------------------------------------------------------

    def _send(self, request_id: int, frame: bytes) -> None:
        self._backlog[request_id] = frame  # in place of the same request, which is repeated
        if len(self._backlog) > _MOST_BACKLOG:
            del self._backlog[next(iter(self._backlog))]
        self._flush()

    def _flush(self) -> None:
        while self._backlog and self._requests is not None:
            request_id = next(iter(self._backlog))
            try:
                self._requests.send(self._backlog[request_id], zmq.NOBLOCK)
            except zmq.Again:
                return  # not connected yet: flushed when the socket becomes writable
            del self._backlog[request_id]
            self.ever_sent = True
            self.look()

    def _look(self) -> None:
        self._look_scheduled = False
        more = False
        if self._requests is not None and self._requests.getsockopt(zmq.EVENTS):
            self._flush()
            more |= self._drain_replies(self._requests)
        if self._pushes is not None and not self.paused and self._pushes.getsockopt(zmq.EVENTS):
            more |= self._drain_pushes(self._pushes)
        if more:
            self.look()

    def _drain_replies(self, socket: "zmq.Socket[bytes]") -> bool:
        ends = self.now() + SPELL
        for _ in range(DRAIN):
            if self.now() > ends:
                break
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return False
            self.heard.set()
            self.ever_heard, self.trouble = True, None
            try:
                reply = unpack_reply(b"".join(frames))  # more than one frame is no valid msgpack then
            except ProtocolError as error:
                self.bad_frames += 1
                if not error.request_id:
                    continue
                reply = Reply(error.request_id, None, broken(error))
            self.perform(self._session.replied(self.now(), reply))
            if socket.closed:
                return False
        return True

    def _drain_pushes(self, socket: "zmq.Socket[bytes]") -> bool:
        ends = self.now() + SPELL
        for _ in range(DRAIN):
            if self.now() > ends:
                break
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return False
            if self._opener is None:
                continue
            try:
                delivery = self._opener(frames)
            except ProtocolError:
                self.bad_frames += 1
                continue
            self.perform(self._session.delivered(self.now(), delivery))
            if socket.closed or self.paused:
                return False
        return True

    # -- time -------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        deadline = self._session.deadline
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        # Not asked of the timer: uvloop gives one without `when` for a delay under half a millisecond.
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - self.now()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.perform(self._session.tick(self.now()))
