"""How long a one-shot command takes as a whole process: `cnmessage whoami` against a running broker."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.broker import BIN, running_broker
from bench.figures import Figure, Measure
from bench.processes import PATIENCE, BenchError
from bench.product import sign_up

RUNS = 10
_IMPORTS = "import zmq, click, msgpack"
_WHOAMI, _PYTHON = "product, cnmessage whoami", f'python -c "{_IMPORTS}"'


def run(folder: Path) -> Mapping[str, float]:
    """Median milliseconds of both on the same machine, in turn."""
    home = folder / "home"
    environment = {**os.environ, "CNMESSAGE_HOME": str(home)}
    with running_broker(folder / "broker") as broker:
        asyncio.run(sign_up({"home": str(home), "broker": broker.address}, "alice"))
        whoami = [str(BIN / "cnmessage"), "--broker", broker.address, "--profile", "alice", "whoami"]
        python = [sys.executable, "-c", f"{_IMPORTS}; print('imported')"]
        taken = [
            (_once(whoami, environment, "alice"), _once(python, environment, "imported"))
            for _ in range(RUNS + 1)
        ]
    product, nothing = zip(*taken[1:], strict=True)  # the first ones fill the disk cache
    return {_WHOAMI: statistics.median(product), _PYTHON: statistics.median(nothing)}


def _once(command: list[str], environment: Mapping[str, str], expected: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
    )
    taken = (time.perf_counter() - started) * 1000
    if done.returncode != 0 or expected not in done.stdout:
        raise BenchError(f"{command[0]} failed with status {done.returncode}: {done.stderr.strip()}")
    return taken


MEASURE = Measure(
    "cold-start",
    f"whole processes, each the median of {RUNS}",
    (run,),
    (
        Figure(_WHOAMI, "ms"),
        Figure(_PYTHON, "ms"),
        Figure("whoami ÷ python with imports", at_most=1.8, ratio_of=(_WHOAMI, _PYTHON), checked=True),
    ),
)
