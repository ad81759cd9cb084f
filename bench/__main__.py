"""`make bench`: the product beside a bare loop that does the same input and output, in one run.

Rounds of both take turns, because machines are noisy; what counts is the median of each.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench import bare, bare_files, chat, cold_start, files, product, report
from bench.processes import BenchError

MESSAGES_PRODUCT = 60_000
MESSAGES_BARE = 120_000
MESSAGES_BARE_LISTS = 240_000
LATENCY_MESSAGES = 1000
WHOAMI_RUNS = 10
FILE_MIB = 512
LOAD_MIB = 256
_MIB = 1 << 20

Measured = TypeVar("Measured")


def main() -> int:
    """Measure, print, and say by the exit status whether the required figures were reached."""
    options = _options()
    print(report.machine_line())
    try:
        found = run(options.rounds)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for line in found.lines():
        print(line)
    if options.json is not None:
        options.json.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    for text in found.missed():
        print(f"missed: {text}", file=sys.stderr)
    return 1 if found.missed() and not options.no_fail else 0


def run(rounds: int) -> report.Report:
    """All measurements; the bare loop with lists takes the list size that the product's client formed."""
    whole, single, listed = report.Rates("product", []), report.Rates("bare loop, lists of 1", []), []
    size = 1
    for number in range(1, rounds + 1):
        single.rounds.append(_fresh(bare.measure, MESSAGES_BARE, 1))
        rate, mean_list = _fresh(product.measure, MESSAGES_PRODUCT)
        whole.rounds.append(rate)
        size = max(1, round(mean_list)) if number == 1 else size
        listed.append(_fresh(bare.measure, MESSAGES_BARE_LISTS, size))
        print(
            f"round {number} of {rounds}: bare {single.rounds[-1]:,.0f}/s, product {rate:,.0f}/s "
            f"(lists of {mean_list:.0f}), bare with lists {listed[-1]:,.0f}/s",
            flush=True,
        )
    moved, latency = run_files(rounds)
    whoami, nothing = _fresh(cold_start.measure, WHOAMI_RUNS)
    talking = _fresh(chat.measure)
    return report.Report(
        whole,
        single,
        report.Rates(f"bare loop, lists of {size} as the product's", listed),
        size,
        latency["p50"],
        latency["p99"],
        whoami,
        nothing,
        moved,
        talking,
        report.machine(),
    )


def run_files(rounds: int) -> tuple[report.FileRates, dict[str, float]]:
    """Files of the product, of the bare loop and of scp, taking turns; a message's latency without and with.

    Of the latencies, as of all else, the median of the rounds.
    """
    found = report.FileRates(FILE_MIB)
    alone: list[dict[str, float]] = []
    loaded: list[dict[str, float]] = []
    size = FILE_MIB * _MIB
    for number in range(1, rounds + 1):
        found.bare_upload.append(_fresh(bare_files.measure, size, upload=True))
        upload, download = _fresh(files.measure, size)
        found.upload.append(upload)
        found.download.append(download)
        found.bare_download.append(_fresh(bare_files.measure, size, upload=False))
        scp = _fresh(files.measure_scp, size)
        found.scp += [] if scp is None else [scp]
        print(
            f"files, round {number} of {rounds}: bare {found.bare_upload[-1]:.0f} up, "
            f"{found.bare_download[-1]:.0f} down; product {upload:.0f} up, {download:.0f} down"
            + ("" if scp is None else f"; scp {scp:.0f}"),
            flush=True,
        )
        alone.append(_fresh(product.measure_latency, LATENCY_MESSAGES))
        loaded.append(_fresh(files.measure_latency, LATENCY_MESSAGES, LOAD_MIB * _MIB))
        print(
            f"latency, round {number} of {rounds}: p99 {alone[-1]['p99']:.2f} ms, "
            f"{loaded[-1]['p99']:.2f} ms while a file moves",
            flush=True,
        )
    meanwhile = _middle(loaded)
    found.loaded_p50_ms, found.loaded_p99_ms = meanwhile["p50"], meanwhile["p99"]
    return found, _middle(alone)


def _middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in ("p50", "p99")}


def _fresh(measure: Callable[..., Measured], *arguments: int, **more: bool) -> Measured:
    with tempfile.TemporaryDirectory(prefix="cnmessage-bench-") as folder:
        return measure(Path(folder), *arguments, **more)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each kind, taking turns (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--no-fail", action="store_true", help="exit 0 even if a required figure is missed")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
