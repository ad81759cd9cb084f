"""The composition root: builds every room, in the order in which they start and stop.

The only place that names a concrete store.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
import zmq

from cnmessage_broker import health, keys
from cnmessage_broker.between import Lanes
from cnmessage_broker.config import Config, changes
from cnmessage_broker.files.blobs import Blobs
from cnmessage_broker.files.thread import FileThread
from cnmessage_broker.loop.attention import Attention
from cnmessage_broker.loop.context import Deps, budgets
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.loop.passwords import OWASP, PasswordPool, Passwords
from cnmessage_broker.loop.reactor import Reactor
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.keyprobe import KeyProbe
from cnmessage_broker.net.sockets import BindError, FileSockets, Sockets, Watch, require_ports, shards_for
from cnmessage_broker.net.tcp import DescriptorsError, descriptor_limit, reserve_of
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, FILES_DOMAIN, Admission, anybody
from cnmessage_broker.priority import made_in_background
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_broker.store.sqlite.migrate import UnusableDatabaseError
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_broker.store.threads import StoreThreads
from cnmessage_broker.watchdog import Watchdog, memory_there
from cnmessage_protocol.envelope import PROBE
from cnmessage_protocol.ids import FileId
from cnmessage_protocol.trace import Trail

DATABASE = "cnmessage.db"
FILES_FOLDER = "files"
KEY_FILE = "broker.key"
LOCK_FILE = "broker.lock"

_MAIN_SHARE = 0.45
_FILES_SHARE = 0.1
"""Of the descriptors for connections: the ports of requests and of deliveries each, and the file channel."""

READERS = 2
"""Threads that read pages: a long one keeps only the other waiting."""

_UNREAD_SHARE = 8
"""What all clients of a context may leave unread is this fraction of the memory there is."""


class DataDirectoryError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


CANNOT_START = (
    DataDirectoryError, BindError, DescriptorsError, StoreError, UnusableDatabaseError, keys.KeyFileError,
)  # fmt: skip
"""Why a broker cannot start; the text of each is for whoever runs it."""


class Broker:
    """A broker, bound and ready when constructed; `run` serves until `stop`. A context manager.

    With `debug` it logs the transitions of its machines.

    Raises what is in CANNOT_START when it cannot start.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        randomness: Callable[[int], bytes] = os.urandom,
        debug: bool = False,
        passwords: Passwords = OWASP,
    ) -> None:
        self.config = config
        trail, self._file_trail = Trail(listening=debug), Trail(listening=debug)  # one for each thread
        self._monotonic = monotonic
        self._descriptors = descriptor_limit()
        if not (config.data / DATABASE).exists():
            require_ports(config.host, config.port)  # or a mistyped port leaves a directory with a key
        with ExitStack() as undo:  # what was done so far, if it cannot start
            self._lock = lock_data_directory(config.data)
            undo.callback(os.close, self._lock)
            self.public_key, secret = keys.load_or_create(config.data / KEY_FILE)
            self.store = store or SqliteStore(config.data / DATABASE, randomness, structlog.get_logger())
            undo.callback(self.store.close)
            self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            undo.callback(self._context.term)
            listeners = Listeners(randomness, trail)
            policies = {DOMAIN: anybody, DELIVERIES_DOMAIN: listeners.has_key}
            admission = Admission(policies, monotonic, trail)
            self._memory = config.memory_limit or memory_there()
            watch = self._watch(admission, _MAIN_SHARE, trail)
            shards = shards_for(self._descriptors)
            self._sockets = Sockets(self._context, config.host, config.port, secret, watch, shards)
            undo.callback(self._sockets.close, 0)
            self._probe = KeyProbe(
                self._sockets.host, config.port + PROBE, self.public_key, monotonic, structlog.get_logger()
            )
            undo.callback(self._probe.stop)
            self._link = Lanes()
            self._files = self._file_thread(secret, monotonic)
            undo.pop_all()
        self._threads = StoreThreads(self.store, READERS)
        self.passwords = PasswordPool(config.password_workers, config.password_queue)
        attention = Attention(monotonic())
        self.deps = Deps(
            config,
            self.store,
            listeners,
            budgets(config),
            monotonic,
            wall,
            randomness,
            lambda: attention.seconds,
            passwords=passwords,
            trail=trail,
        )
        self.reactor = Reactor(
            self._sockets,
            self.deps,
            self._threads,
            self.passwords,
            admission,
            self._link,
            attention,
            Watchdog(self._memory, trail),
            self._descriptors,
            structlog.get_logger(),
        )

    def _watch(self, admission: Admission, share: float, trail: Trail) -> Watch:
        """Over connections of a port that may have this share of the descriptors."""
        config = self.config
        limits = GateLimits(
            max(8, int((self._descriptors - reserve_of(self._descriptors)) * share)),
            config.connections_per_address,
            config.connection_burst,
            config.connection_rate,
        )
        unread = self._memory // _UNREAD_SHARE
        return Watch(admission, limits, unread, self._monotonic, structlog.get_logger(), trail)

    def _file_thread(self, secret: bytes, monotonic: Callable[[], float]) -> FileThread:
        folder = self.config.data / FILES_FOLDER
        try:
            blobs = Blobs(folder)
            removed = collect(blobs, self.store)
        except OSError as error:
            raise DataDirectoryError(f"cannot keep files in {folder}: {error.strerror}") from error
        log = structlog.get_logger()
        if removed:
            log.info("orphaned files were removed", count=removed)
        admission = Admission({FILES_DOMAIN: anybody}, monotonic, self._file_trail)
        self._file_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._file_sockets = made_in_background(
                lambda: FileSockets(
                    self._file_context,
                    self.config.host,
                    self.config.port,
                    secret,
                    self._watch(admission, _FILES_SHARE, self._file_trail),
                )
            )
        except BaseException:
            self._file_context.term()
            raise
        return FileThread(
            self._file_sockets, admission, blobs, self._link, self.config, monotonic, log, self._file_trail
        )

    @property
    def address(self) -> str:
        """The address to give to clients, key included."""
        return keys.address_line(self.config.host, self.config.port, self.public_key)

    def run(self) -> None:
        """Serve until `stop` or until the disk fails."""
        self._files.start()
        self._probe.start()
        self.reactor.run()

    def soon(self, step: Callable[[], None]) -> None:
        """Have the loop do something with its next turn; safe from any thread and from a signal handler."""
        self.reactor.soon(step)

    def take_over(self, fresh: Config) -> tuple[list[str], list[str]]:
        """Go on with what needs no restart of these settings; which that changed, and which need one.

        Budgets begin anew if theirs changed. On the loop's own thread only.
        """
        config, taken, left = changes(self.config, fresh)
        if taken:
            self.config = self.deps.config = config
            if any(name.endswith(("_burst", "_rate")) for name in taken):
                self.deps.budgets = budgets(config)
        return taken, left

    def stop(self) -> None:
        """End `run`; safe from any thread and from a signal handler."""
        self.reactor.stop()

    def close(self) -> None:
        """Let what is queued leave for a second, checkpoint the database, release everything."""
        self._probe.stop()
        health.remove(self.config.data)
        self.passwords.close()
        self._files.stop()
        self.reactor.close()
        self._file_sockets.close()
        self._file_context.term()
        self._sockets.close()
        self._context.term()
        self._threads.close()
        self.store.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def lock_data_directory(path: Path) -> int:
    """Make the directory if need be and lock it for this process; gives the lock's descriptor."""
    try:
        _make(path)
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        what = "it is no directory" if isinstance(error, FileExistsError) else error.strerror
        raise DataDirectoryError(f"cannot write in {path}: {what}; choose another --data") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DataDirectoryError(
            f"another broker is running on {path}; stop it or choose another --data"
        ) from error
    return descriptor


def _make(path: Path) -> None:
    """Those above it are this user's alone too, whatever the umask."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(exist_ok=True)


def is_locked(data: Path) -> bool:
    """Whether a process works on this data directory; nothing is made there."""
    try:
        descriptor = os.open(data / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def purge(data: Path, ids: Iterable[bytes]) -> int:
    """End these files of a stopped broker and free their room; how many files were removed from the disk."""
    lock = lock_data_directory(data)
    try:
        store = SqliteStore(data / DATABASE, os.urandom)
        try:
            store.files.expire([FileId(each) for each in ids])
            return collect(Blobs(data / FILES_FOLDER), store)
        finally:
            store.close()
    finally:
        os.close(lock)


def collect(blobs: Blobs, store: Store) -> int:
    """Remove from the disk what no file of the store needs; how many files it was."""
    return blobs.collect(set(store.files.open_uploads()), set(store.files.live_digests()))
