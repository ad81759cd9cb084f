"""ZAP: who may connect to which port, and under which routing id. A key's z85 text is the User-Id of its
frames.

The key is the credential, so admission says nothing about accounts: any CURVE key may come, but to the push
port only one that has a listener. Each connection gets a number of its own, and that is its routing id:
a peer's own choice counts for nothing, and none is ever given twice (docs/adr/0014). Answers as ZAP 1.0
lays down (rfc.zeromq.org/spec/27).
"""

import struct
import tempfile
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

import zmq
from zmq.utils import z85

from cnmessage_broker.limits import Budget
from cnmessage_broker.logs import KEY_SHORT
from cnmessage_protocol.trace import Trail

DOMAIN = b"cnmessage"
"""Of the request port; the other ports have domains of their own."""

DELIVERIES_DOMAIN = b"cnmessage.deliveries"
FILES_DOMAIN = b"cnmessage.files"

CONNECTION = "X-Connection"
"""The property of each frame that holds the connection's number. ZAP's properties win over a peer's own."""

HANDSHAKES = (500, 500.0)
"""Connections to the ports of a context that are let in: at once, and a second."""

HANDSHAKE = 5.0
"""Seconds that a handshake may take; libzmq ends it then."""

BARRED = 60.0
"""Seconds for which a key that misbehaved is kept out."""

_VERSION = b"1.0"
_ROUTING_ID = "Identity"
MAX_ADDRESSES = 10_000
MAX_BARRED = 10_000
_DRAIN = 1000
_SIZE = struct.Struct(">I")
_NUMBER = struct.Struct(">Q")

Policy = Callable[[str], bool]
"""Whether a key (z85 text) may connect."""


def anybody(_: str) -> bool:
    """The policy of a port for all."""
    return True


def routing_id(number: int) -> bytes:
    """The routing id of a connection. libzmq's own begin with a zero byte, ours never do."""
    return b"\1" + _NUMBER.pack(number)


class Admission:
    """Answers ZAP requests; `policies` says by domain who may come, `monotonic` gives seconds."""

    def __init__(
        self, policies: Mapping[bytes, Policy], monotonic: Callable[[], float], trail: Trail | None = None
    ) -> None:
        self._trail = trail or Trail()
        self._policies = policies
        self._monotonic = monotonic
        self._addresses: OrderedDict[str, str] = OrderedDict()
        self._barred: OrderedDict[str, float] = OrderedDict()
        self._last = 0

    def policy(self, domain: bytes) -> Policy:
        """Who may connect to the port of this domain."""
        return self._policies[domain]

    def address_of(self, key: str) -> str:
        """The address a key connected from last; empty if that was too long ago to know."""
        return self._addresses.get(key, "")

    def bar(self, key: str) -> None:
        """Keep a key out for a while; its connections are for others to cut. A silent one has no key."""
        if not key:
            return
        self._trail.note("admission", "inside", "barred", "barred", f"{BARRED:g} s", key[:KEY_SHORT])
        self._barred[key] = self._monotonic() + BARRED
        self._barred.move_to_end(key)
        if len(self._barred) > MAX_BARRED:
            self._barred.popitem(last=False)

    def answer(self, frames: list[bytes]) -> list[bytes]:
        """The reply frames to one ZAP request as a ROUTER receives it: envelope, blank, request.

        None at all for what is no request, and for who may not come here yet.
        """
        if len(frames) < 8 or frames[1] != b"" or frames[2] != _VERSION:
            return []
        head = [*frames[:2], _VERSION, frames[3]]
        domain, address, mechanism = frames[4], frames[5], frames[7]
        credentials = frames[8:]
        policy = self._policies.get(domain)
        if policy is None or mechanism != b"CURVE" or len(credentials) != 1 or len(credentials[0]) != 32:
            self._trail.note("admission", "outside", "refused", "outside", "no CURVE key")
            return [*head, b"400", b"only CURVE on this broker", b"", b""]
        key = z85.encode(credentials[0]).decode()
        barred = self._barred.get(key, 0.0) > self._monotonic()
        if barred:
            self._trail.note("admission", "barred", "refused", "barred", "barred", key[:KEY_SHORT])
            # 300: libzmq hangs up without a word, and the peer's libzmq tries again by itself.
            return [*head, b"300", b"not now", b"", b""]
        if not policy(key):
            self._trail.note("admission", "outside", "refused", "outside", "no listener", key[:KEY_SHORT])
            # Hung up on at once, the subscribers of thousands of clients would be back at once, too, after
            # every restart, a handshake each time. Without an answer libzmq ends this one in its time.
            return []
        self._trail.note("admission", "outside", "admitted", "inside", domain.decode(), key[:KEY_SHORT])
        self._addresses[key] = address.decode(errors="replace")
        self._addresses.move_to_end(key)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        self._last += 1
        given = _property(CONNECTION, b"%d" % self._last) + _property(_ROUTING_ID, routing_id(self._last))
        return [*head, b"200", b"OK", key.encode(), given]


class Door:
    """The ZAP socket of a context with one I/O thread, and who waits at it.

    A request is answered one trip through libzmq's I/O thread after it came. Sooner, the thread may not have
    read what the peer says of itself yet, and would let that win over what we say. So many are answered in a
    second; the others wait, and with them whoever connects as fast as it is let: handshakes are dear, and
    messages share their thread. When more come than are let in, the last comes first: who has waited longest
    has given up or soon will, and letting that one in would make all others wait in vain, too. And who was
    let in comes next for deliveries, so that some are done before others begin.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        admission: Admission,
        monotonic: Callable[[], float],
    ) -> None:
        self._admission = admission
        self._monotonic = monotonic
        self._pace: Budget[str] = Budget(*HANDSHAKES)
        self._ready: deque[tuple[float, list[bytes]]] = deque()
        self._waiting: deque[list[list[bytes]]] = deque()
        self._requests = context.socket(zmq.ROUTER)
        self._out, self._back = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        try:
            self._requests.bind("inproc://zeromq.zap.01")
            # A directory that is ours alone, and gone as soon as both ends have met: nothing stays behind
            # a broker that is killed.
            with tempfile.TemporaryDirectory(prefix="cnmessage-") as folder:
                place = f"ipc://{folder}/socket"
                self._back.bind(place)
                self._out.connect(place)
                self._out.send(b"")
                self._back.recv()
        except BaseException:
            self.close()
            raise

    def register(self, poller: "zmq.Poller") -> None:
        """Have a poller wake up for who comes, and for who may be answered now."""
        poller.register(self._requests, zmq.POLLIN)
        poller.register(self._back, zmq.POLLIN)

    def drain(self) -> None:
        """Answer those who have waited long enough, and let the others wait."""
        self._answer()
        came: list[list[bytes]] = []
        for _ in range(_DRAIN):
            try:
                came.append(self._requests.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                break
        if came:
            self._waiting.append(came)
            self._out.send(b"")

    def _answer(self) -> None:
        while self._waiting:
            try:
                self._back.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            now = self._monotonic()
            self._ready.extend((now, each) for each in self._waiting.popleft())
        while self._ready and self._ready[0][0] < self._monotonic() - HANDSHAKE:
            self._ready.popleft()
        while self._ready and self.wait() == 0.0:
            answer = self._admission.answer(self._ready.pop()[1])
            if answer:
                self._pace.spend("", self._monotonic())
                self._requests.send_multipart(answer)

    def wait(self) -> float | None:
        """Seconds until the next may be let in; None when nobody waits for that."""
        return self._pace.wait("", self._monotonic()) if self._ready else None

    def close(self) -> None:
        """Release everything; nobody is let in any more."""
        for socket in (self._requests, self._out, self._back):
            socket.close(linger=0)


def _property(name: str, value: bytes) -> bytes:
    """One property as ZMTP writes it."""
    return bytes([len(name)]) + name.encode() + _SIZE.pack(len(value)) + value
