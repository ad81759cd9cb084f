"""Uploads of calls that are not finished, on disk, so that the same call goes on where it paused or was cut.

A small file for each, locked while its upload runs: what is sent (as its name, a digest) and the id it goes
under. It stays until its whole call has succeeded, and says which call that is once its own upload is stored:
the same call does not send it twice, any other one sends it anew. Losing one costs a
transfer from the beginning, nothing else; so a disk that takes none is no error. Must know neither the broker
nor the file's bytes.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from cnmessage_client.new_ids import new_id
from cnmessage_client.private import private_folder
from cnmessage_protocol.ids import ID_SIZE, ClientId

KEEP = 7 * 86400
"""Seconds after which an entry is forgotten; brokers keep unfinished uploads for a day."""


class Undertaking(Struct, frozen=True):
    """What makes two uploads the same one."""

    user: str
    broker: str
    path: str
    size: int
    mtime_ns: int
    name: str
    to: tuple[str, ...]
    note: str
    expires: int | None = None

    @property
    def digest(self) -> str:
        """A short name for all of it."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


class Entry:
    """The id of one upload; `resumed` if an earlier call chose it."""

    def __init__(
        self, client_id: ClientId, path: Path, descriptor: int | None, *, call: bytes = b"", resumed: bool
    ) -> None:
        self.client_id = client_id
        self._call = call
        self.resumed = resumed
        self._path = path
        self._descriptor = descriptor
        self._written = descriptor is not None

    def stored(self) -> None:
        """The upload is done; only its own call may take it for that."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.pwrite(self._descriptor, self._call, ID_SIZE)

    def renew(self) -> None:
        """The broker does not take this id any more: begin anew under another."""
        self.client_id, self.resumed = ClientId(new_id()), False
        if self._descriptor is not None:
            with suppress(OSError):
                _write(self._descriptor, self.client_id)

    def forget(self) -> None:
        """Nothing is left to go on with: its call has succeeded, or it was given up."""
        if self._written:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release it; unless it was forgotten, the next call finds it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Journal:
    """The entries in `folder`, for one call, which `call` tells from others. `clock`: seconds since 1970."""

    def __init__(self, folder: Path, call: str = "", clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._call = sha256(call.encode(errors="surrogateescape")).digest()
        self._clock = clock
        self._claimed: set[str] = set()

    def claim(self, what: Undertaking) -> Entry:
        """The entry of this upload: the one there is, or a fresh one.

        What another call holds, or this one claimed before (named twice is sent twice), is not journalled.
        """
        path = self._folder / what.digest
        if what.digest in self._claimed:
            return Entry(ClientId(new_id()), path, None, resumed=False)
        try:
            descriptor = self._locked(path)
        except OSError:
            return Entry(ClientId(new_id()), path, None, resumed=False)
        self._claimed.add(what.digest)
        written = os.pread(descriptor, ID_SIZE + len(self._call), 0)
        known, stored_by = written[:ID_SIZE], written[ID_SIZE:]
        if len(known) == ID_SIZE and stored_by in {b"", self._call}:
            return Entry(ClientId(known), path, descriptor, call=self._call, resumed=True)
        entry = Entry(ClientId(new_id()), path, descriptor, call=self._call, resumed=False)
        with suppress(OSError):
            _write(descriptor, entry.client_id)
        return entry

    def _locked(self, path: Path) -> int:
        private_folder(self._folder)
        if not self._claimed:
            self._forget_old()
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    return descriptor
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)  # forgotten between our open and our lock: look again

    def _forget_old(self) -> None:
        for path in self._folder.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime + KEEP < self._clock():
                    path.unlink()


def _write(descriptor: int, client_id: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, client_id, 0)
