"""The machine's memory, made ready before files are measured.

A virtual machine may give memory it does not use back to its host. The first write to each page then waits
for the host: 512 MiB of a new file took 1.3 s so, and 0.1 s on pages in use shortly before (measured with
plain writes). Which of two programs meets such pages depends only on their order, so each meets none.
"""

import os
from pathlib import Path

_MIB = 1 << 20
_TIMES = 16


def warm(folder: Path, size: int) -> None:
    """Use many times the memory that a file of `size` bytes takes, at most half of what is free, and free it.

    Many times, because which free pages are taken next is not ours to choose: after eight times the size some
    were cold yet.
    """
    path = folder / "warming"
    piece = bytes(_MIB)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        for place in range(0, min(_TIMES * size, free // 2), _MIB):
            os.pwrite(descriptor, piece, place)
    finally:
        os.close(descriptor)
        path.unlink()
