"""What this machine can run short of, for real: descriptors, and room for a file."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def descriptors() -> int:
    """How many files this process holds open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def no_descriptors(*, but: int = 0) -> Iterator[None]:
    """This process can open nothing more, `but` so many: its limit lies at the lowest number that is free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, hard))
    try:
        with suppress(OSError):  # until there is none, should another thread have closed one meanwhile
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1 + but, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in taken:
            os.close(each)


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def small_disk(place: Path, kibibytes: int) -> list[str]:
    """What to put before a command so that `place`, for it alone, is a disk of so many KiB; skips without."""
    try:
        able = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip("this system gives nobody a disk of their own")
    mount = f'mount -t tmpfs -o size={kibibytes}k none "$1" && shift && exec "$@"'
    return ["unshare", "-Urm", "sh", "-c", mount, "sh", str(place)]
