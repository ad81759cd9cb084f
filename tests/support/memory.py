"""How much memory a program takes."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.support.forked import Forked

_GLANCE = 0.02


def most_memory(process: "subprocess.Popen[str] | subprocess.Popen[bytes] | Forked", seconds: float) -> float:
    """Wait for a process, so long at most, then it is killed; the most MiB that it held.

    Not what wait4 tells: there the memory of the process counts, too, from which this one was made.
    """
    most, ends = 0.0, time.monotonic() + seconds
    while True:
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
            most = max(most, int(next(each for each in lines if each.startswith("VmHWM")).split()[1]) / 1024)
        try:
            process.wait(_GLANCE)
        except subprocess.TimeoutExpired:
            if time.monotonic() > ends:
                process.kill()
        else:
            return most
