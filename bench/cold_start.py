"""How long a one-shot command takes as a whole process: `cnmessage whoami` against a running broker."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.processes import PATIENCE, BenchError
from bench.product import BIN, running_broker, sign_up


def measure(folder: Path, runs: int) -> tuple[float, float]:
    """Median milliseconds of `cnmessage whoami`, and of Python doing nothing on the same machine."""
    home = folder / "home"
    with running_broker(folder / "broker") as address:
        asyncio.run(sign_up({"home": str(home), "broker": address}, "alice"))
        command = [str(BIN / "cnmessage"), "--broker", address, "--profile", "alice", "whoami"]
        whoami = _median(command, home, runs, expected="alice")
    return whoami, _median([sys.executable, "-c", "print('nothing')"], home, runs, expected="nothing")


def _median(command: list[str], home: Path, runs: int, expected: str) -> float:
    environment = {**os.environ, "CNMESSAGE_HOME": str(home)}
    taken = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=PATIENCE,
            check=False,
        )
        taken.append((time.perf_counter() - started) * 1000)
        if done.returncode != 0 or expected not in done.stdout:
            raise BenchError(f"{command[0]} failed with status {done.returncode}: {done.stderr.strip()}")
    return statistics.median(taken[1:])  # the first one fills the disk cache
