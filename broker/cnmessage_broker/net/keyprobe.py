"""The key probe: tells whoever connects the broker's key and protocol version, and nothing else.

Plain TCP on a thread of its own: the key card is written, the writing side closed, nothing is read. Who
meets the broker for the first time has no key to encrypt to, and nothing said here is secret. It shares
nothing with the reactor, so that strangers reach neither libzmq nor the loop that serves users.
"""

import errno
import selectors
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import structlog

from cnmessage_broker.net.sockets import BACKLOG, bind_error
from cnmessage_broker.net.tcp import descriptor_limit
from cnmessage_broker.thread_names import show_name
from cnmessage_protocol.envelope import pack_key_card

HELD = 64
"""Answered connections that wait for their peer to hang up."""

PATIENCE = 2.0
"""Seconds that one of them waits at most."""

BATCH = 40
INTERVAL = 0.02
"""So many are answered in so many seconds, 2,000 a second; more wait in the backlog and cost nothing."""

SHORT_OF_DESCRIPTORS = 0.25
LOG_AGAIN = 60.0
"""Seconds without answers when descriptors run out, and between log lines about it."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RECEIVE_BUFFER = 4096


class KeyProbe:
    """Listens from the beginning, answers from `start` to `stop`. `public_key` is raw, 32 bytes.

    A connection that was answered waits `patience` seconds at most for its peer to hang up.

    Raises BindError. If a peer sent what nobody read, TCP answers the close with a reset, which can overtake
    the card; so a connection stays half-closed until its peer hangs up, its time ends or others need room.
    """

    def __init__(
        self,
        host: str,
        port: int,
        public_key: bytes,
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        patience: float = PATIENCE,
    ) -> None:
        self._card = pack_key_card(public_key)
        self._monotonic = monotonic
        self._log = log
        self._patience = patience
        self._held: OrderedDict[socket.socket, float] = OrderedDict()
        self._batch_began = float("-inf")
        self._accepted = 0
        self._resumes = 0.0
        self._log_again = float("-inf")
        self._stopping = False
        self._most_held = min(HELD, descriptor_limit() // 16)
        self._listener = _listener(host, port)
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_out, selectors.EVENT_READ, lambda: None)
        self._listening = False
        self._thread = threading.Thread(target=self._run, name="key probe")

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody and release everything, whether it was started or not."""
        self._stopping = True
        self._wake_in.send(b"\0")
        if self._thread.ident is not None:
            self._thread.join()
        for peer in self._held:
            peer.close()
        self._selector.close()
        for each in (self._listener, self._wake_in, self._wake_out):
            each.close()

    def _run(self) -> None:
        show_name()
        while not self._stopping:
            now = self._monotonic()
            self._expire(now)
            self._listen(now >= self._resumes)
            for key, _ in self._selector.select(self._wait(now)):
                key.data()

    def _wait(self, now: float) -> float | None:
        """Seconds until time alone brings something about; None for never."""
        ends = [] if self._listening else [self._resumes]
        if self._held:
            ends.append(next(iter(self._held.values())))
        return max(0.0, min(ends) - now) if ends else None

    def _listen(self, wanted: bool) -> None:
        if wanted == self._listening:
            return
        self._listening = wanted
        if wanted:
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        else:
            self._selector.unregister(self._listener)

    def _accept(self) -> None:
        """Answer one peer; when it was the last that this interval allows, the listening socket rests."""
        now = self._monotonic()
        if now >= self._batch_began + INTERVAL:
            self._batch_began, self._accepted = now, 0
        self._accepted += 1
        if self._accepted == BATCH:
            self._resumes = self._batch_began + INTERVAL
        try:
            peer, _ = self._listener.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._rest(now, error)
            return  # otherwise that peer has left already
        try:
            peer.setblocking(False)
            peer.send(self._card)  # a fresh connection's buffer takes all of it
            peer.shutdown(socket.SHUT_WR)
            self._selector.register(peer, selectors.EVENT_READ, partial(self._look, peer))
        except OSError:
            peer.close()
            return
        self._held[peer] = now + self._patience
        if len(self._held) > self._most_held:
            self._let_go(next(iter(self._held)))

    def _rest(self, now: float, error: OSError) -> None:
        self._resumes = now + SHORT_OF_DESCRIPTORS
        for peer in list(self._held):  # they have their card, and what they hold is needed
            self._let_go(peer)
        if now >= self._log_again:
            self._log_again = now + LOG_AGAIN
            self._log.warning("the key probe cannot answer", reason=error.strerror)

    def _look(self, peer: socket.socket) -> None:
        """Something came from a peer: its end, or words that nobody reads."""
        if peer not in self._held:  # let go since this was noticed
            return
        try:
            if peer.recv(1, socket.MSG_PEEK):
                self._selector.unregister(peer)  # it has until its time is over
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # reset: it has hung up, too
        self._let_go(peer)

    def _expire(self, now: float) -> None:
        while self._held and next(iter(self._held.values())) <= now:
            self._let_go(next(iter(self._held)))

    def _let_go(self, peer: socket.socket) -> None:
        del self._held[peer]
        if peer in self._selector.get_map():
            self._selector.unregister(peer)
        peer.close()


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket that listens; `::` takes IPv4 too, as libzmq's do."""
    try:
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise bind_error(host, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)  # nobody reads it
        if listening.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise bind_error(host, port, error) from error
    return listening
