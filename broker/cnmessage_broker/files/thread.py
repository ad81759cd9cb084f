"""The file thread: chunks in and out on a ROUTER of its own, so that chat stays quick while files move.

It alone touches the file channel and the blobs, and shares nothing with the reactor but the queues between
them. This is its loop: it must not know what a message on the channel means.
"""

import contextlib
import math
import socket
import threading
from collections.abc import Callable

import structlog
import zmq

from cnmessage_broker.between import Lanes
from cnmessage_broker.config import Config
from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.channel import Channel
from cnmessage_broker.files.pace import GENTLE_TURN, Pace
from cnmessage_broker.files.transfers import Transfers
from cnmessage_broker.files.workers import Workers
from cnmessage_broker.logs import transitions
from cnmessage_broker.net.sockets import FileSockets
from cnmessage_broker.net.zap import Admission
from cnmessage_broker.priority import step_back
from cnmessage_broker.thread_names import show_name
from cnmessage_protocol.trace import Trail

DRAIN = 64
"""Most messages taken before the other direction gets its turn."""

BEAT = 1.0
"""Seconds between signs of life on each transfer, and between reports of how far downloads are."""

LOOK = 0.25
"""Seconds between looks at what connections send and take."""

READ = 0.002
READ_LATE = 0.02
LATE = 0.1
"""Seconds read at a time, while all that comes is read soon, and when some of it has waited for so long."""

_GLANCE_MS = 5
"""Milliseconds for which what comes is left unread while this thread rests."""

_WORKERS = 2


class FileThread:
    """Serves the file channel from `start` to `stop`. `monotonic` gives seconds."""

    def __init__(
        self,
        sockets: FileSockets,
        admission: Admission,
        blobs: Blobs,
        link: Lanes,
        config: Config,
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        trail: Trail,
    ) -> None:
        self._trail = trail
        self._trace = transitions(log)
        self._link = link
        self._monotonic = monotonic
        self._log = log
        self._channel = Channel(sockets, admission, monotonic, log)
        self._workers = Workers(_WORKERS, "file-work")
        self._pace = Pace(lambda: link.talked_at)
        self._transfers = Transfers(
            self._channel, blobs, link, self._pace, config, self._workers, self._wake, log, trail
        )
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._next_beat = 0.0
        self._next_look = 0.0
        self._read_at = monotonic()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="files")
        link.to_files.wake = self._wake

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End serving and wait for it: clients are told, and parts keep what they have."""
        self._stopping = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._transfers.close()  # first: what runs on a worker sees that nobody waits for it
        self._workers.shutdown()
        self._transfers.let_go()
        self._wake_in.close()
        self._wake_out.close()

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"\0")
        except OSError:
            return  # full: it is awake already; closed: it is done

    def _run(self) -> None:
        show_name()
        step_back()
        poller = zmq.Poller()
        self._channel.register(poller)
        poller.register(self._wake_out, zmq.POLLIN)
        doorstep = zmq.Poller()
        doorstep.register(self._wake_out, zmq.POLLIN)
        busy = False
        while not self._stopping:
            now = self._monotonic()
            held = self._pace.wait(now)
            if (
                held and now - self._read_at < LATE
            ):  # what clients sent waits, and so do they: credit runs out
                if not doorstep.poll(min(_GLANCE_MS, math.ceil(held * 1000))):
                    continue  # rested: what there is to do now decides, not that the rest is over
            else:
                waits = [self._next_look - now, self._channel.wait()]
                pause = min(each for each in waits if each is not None)
                poller.poll(0 if busy else max(0, math.ceil(pause * 1000)))
            with contextlib.suppress(BlockingIOError):
                while self._wake_out.recv(4096):
                    pass
            try:
                busy = self._turn()
            except Exception:  # noqa: BLE001 - a failing disk must not end the thread: its files come back with it
                self._log.exception("the file thread failed")
                busy = False
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """What the reactor answered last still counts; then clients are told that their transfers ended."""
        try:
            for news in self._link.to_files.take():
                self._transfers.handle(news)
            self._transfers.shut_down()
            self._trail.tell(self._trace)
        except Exception:  # noqa: BLE001 - as above
            self._log.exception("the file thread failed")

    def _turn(self) -> bool:
        """One round of everything; whether more is waiting already."""
        started = now = self._monotonic()
        taken = 0
        unread = self._channel.read(READ if now - self._read_at < LATE else READ_LATE)
        if not unread:
            self._read_at = now
        if not self._pace.wait(now):
            for said in self._channel.listen():
                now = self._monotonic()
                self._transfers.received(now, *said)
                taken += 1
                if taken == DRAIN or self._pace.wait(now):
                    break
                if now - started > GENTLE_TURN and self._pace.gentle(now):
                    break
        self._channel.look()
        for news in self._link.to_files.take():
            self._transfers.handle(news)
        self._transfers.finish_work()
        more = self._transfers.send_chunks(now) if taken or not self._pace.wait(now) else True
        if now >= self._next_beat:
            self._next_beat = now + BEAT
            self._transfers.beat(now)
        if now >= self._next_look:
            self._next_look = now + LOOK
            self._channel.beat(pressed=self._link.pressed)
        self._trail.tell(self._trace)
        after = self._monotonic()
        self._pace.worked(after, after - started)
        return more or unread or self._channel.waits
