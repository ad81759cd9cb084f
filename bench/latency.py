"""From `send` to shown by another client: on an idle broker, and while a file moves."""

from collections.abc import Mapping
from pathlib import Path

from bench import files, product
from bench.figures import Figure, Measure

MESSAGES = 1000
LOAD_BYTES = 256 << 20
_IDLE, _IDLE_P99 = "product, idle broker, median", "product, idle broker, p99"
_FILE, _FILE_P99 = "product, while a file moves, median", "product, while a file moves, p99"


def run_idle(folder: Path) -> Mapping[str, float]:
    """Nothing else goes on."""
    found = product.measure_latency(folder, MESSAGES)
    return {_IDLE: found["p50"], _IDLE_P99: found["p99"]}


def run_file(folder: Path) -> Mapping[str, float]:
    """Another user's file goes up and comes down."""
    found = files.measure_latency(folder, MESSAGES, LOAD_BYTES)
    return {_FILE: found["p50"], _FILE_P99: found["p99"]}


MEASURE = Measure(
    "latency",
    "from send to shown by another client",
    (run_idle, run_file),
    (
        Figure(_IDLE, "ms"),
        Figure(_IDLE_P99, "ms", at_most=2.0),
        Figure(_FILE, "ms"),
        Figure(_FILE_P99, "ms"),
        Figure("p99 while a file moves ÷ idle", at_most=2.0, ratio_of=(_FILE_P99, _IDLE_P99)),
    ),
)
