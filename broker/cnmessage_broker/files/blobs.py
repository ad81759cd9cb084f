"""Files on disk: parts under their file's id, and blobs, each content once, under its digest.

    parts/<file id>.part      blobs/<first byte>/<SHA-256>

A whole part is linked into blobs before anything says so, and its own name goes only after that was recorded
(docs/adr/0010), so a crash at any point leaves either name. Must know neither transfers nor the store.
"""

import contextlib
import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from cnmessage_broker import durable

_HALF_WAY = ".new"
"""Ending of a part on its way to its content's name; one found at a start was left there by a crash."""


class Blobs:
    """The directory `root`."""

    def __init__(self, root: Path) -> None:
        self._parts = root / "parts"
        self._blobs = root / "blobs"
        for folder in (root, self._parts, self._blobs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def free(self) -> int:
        """Bytes that may still be written on this disk."""
        room = os.statvfs(self._parts)
        return room.f_bavail * room.f_frsize

    def open_part(self, file: bytes, here: int) -> int:
        """A descriptor for reading and writing a part of which `here` bytes were written.

        OSError when they are not there: what comes next must not be put behind a hole.
        """
        descriptor = os.open(self._part(file), os.O_RDWR | (0 if here else os.O_CREAT), 0o600)
        if os.fstat(descriptor).st_size >= here:
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EIO, f"an unfinished file has lost its end, {here} bytes were written")

    def begun_part(self, file: bytes, size: int) -> int:
        """How many bytes of a part are here; one longer than `size` is not of this file, and is removed."""
        here = self.size_of_part(file)
        if here <= size:
            return here
        self.drop_part(file)
        return 0

    def size_of_part(self, file: bytes) -> int:
        """How many bytes of a part are here; 0 if there is none."""
        try:
            return self._part(file).stat().st_size
        except FileNotFoundError:
            return 0

    def keep(self, file: bytes, sha256: bytes) -> None:
        """Make a blob of a whole and synced part, whose own name stays.

        The blob may be here already; the part, whose bytes were just verified, takes its place all the same:
        what lay on the disk for a year may have rotted there. Who reads the old one reads on.
        """
        path = self._blob(sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = path.with_name(file.hex() + _HALF_WAY)
        fresh.unlink(missing_ok=True)
        os.link(self._part(file), fresh)
        fresh.replace(path)
        fresh.unlink(missing_ok=True)  # replacing a name of the same inode does nothing
        for folder in (path.parent, self._blobs):
            durable.to_disk(folder)

    def check_blob(self, sha256: bytes) -> None:
        """FileNotFoundError when the blob of this digest is lost."""
        self._blob(sha256).stat()

    def open_blob(self, sha256: bytes) -> int:
        """A descriptor for reading the blob of this digest; FileNotFoundError when it is lost."""
        return os.open(self._blob(sha256), os.O_RDONLY)

    def drop_part(self, file: bytes) -> None:
        """Remove a part; one that is gone is fine.

        What begins anew under its name has an inode of its own: this one may be a blob by now, which other
        files need.
        """
        self._part(file).unlink(missing_ok=True)

    def drop_blob(self, sha256: bytes) -> None:
        """Remove a blob; one that is gone is fine."""
        self._blob(sha256).unlink(missing_ok=True)

    def parts(self) -> Iterator[bytes]:
        """File ids of all parts."""
        yield from _named(self._parts.glob("*.part"))

    def blobs(self) -> Iterator[bytes]:
        """Digests of all blobs."""
        yield from _named(path for path in self._blobs.glob("*/*") if path.suffix != _HALF_WAY)

    def collect(self, parts: Collection[bytes], digests: Collection[bytes]) -> int:
        """Remove all parts but those of these file ids, and all blobs but those of these digests.

        Gives how many were removed.
        """
        orphans = [file for file in self.parts() if file not in parts]
        for file in orphans:
            self.drop_part(file)
        lost = [sha256 for sha256 in self.blobs() if sha256 not in digests]
        for sha256 in lost:
            self.drop_blob(sha256)
        for path in self._blobs.glob(f"*/*{_HALF_WAY}"):
            path.unlink()
        return len(orphans) + len(lost)

    def _part(self, file: bytes) -> Path:
        return self._parts / f"{file.hex()}.part"

    def _blob(self, sha256: bytes) -> Path:
        return content_path(self._blobs.parent, sha256)


def content_path(root: Path, sha256: bytes) -> Path:
    """Where the blob of this digest is, or would be."""
    return root / "blobs" / sha256[:1].hex() / sha256.hex()


def _named(paths: Iterator[Path]) -> Iterator[bytes]:
    for path in paths:
        with contextlib.suppress(ValueError):
            yield bytes.fromhex(path.stem)
