"""`make fuzz`: raw peers of every kind against a real broker, on all four ports at once.

Ends with a table, and with status 1 when the broker aborted, fell silent, did not stop in time or lost a
message.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.case import PORTS
from tests.fuzz.supervisor import Run, Settings

REPLAY = (
    "one case again: python -m tests.fuzz.attacker --seed S --port P --first N --count 1 --address cnm://…"
)
WIDTH = 42


def main() -> int:
    """Run and report."""
    options = _options()
    ports = tuple(PORTS) if options.port == "all" else (options.port,)
    settings = Settings(ports, options.minutes * 60, options.seed, options.pace, options.chosen_ids)
    print(f"fuzzing {', '.join(ports)} for {options.minutes:g} minutes, seed {settings.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cnmessage-fuzz-") as folder, Run(Path(folder), settings) as run:
        run.attack()
        for line in summary(run):
            print(line)
        return 1 if run.incidents or run.honest.lost else 0


def summary(run: Run) -> list[str]:
    """The table at the end."""
    kinds = sorted({kind for counted in run.kinds.values() for kind in counted})
    counts = list(run.kinds.values())
    lines = ["case".ljust(WIDTH) + "".join(port.rjust(12) for port in run.kinds)]
    lines += [kind.ljust(WIDTH) + "".join(f"{each[kind]:12}" for each in counts) for kind in kinds]
    lines += ["all".ljust(WIDTH) + "".join(f"{each.total():12}" for each in counts), ""]
    waits = sorted(run.honest.waits) or [0.0]
    (memory, descriptors), last = run.figures[0], run.figures[-1]
    most = [max(each[place] for each in run.figures) for place in (0, 1)]
    half, slowest = waits[len(waits) // 2] * 1000, waits[-1] * 1000
    honest, longest = run.honest, max(run.stops, default=0.0)
    lines.append(
        f"incidents: {len(run.incidents)}; stops under fire: {len(run.stops)}, {longest:.1f} s at most"
    )
    lines.append(f"resident MiB: {memory // 1024} first, {most[0] // 1024} at most, {last[0] // 1024} last")
    lines.append(f"descriptors: {descriptors} first, {most[1]} at most, {last[1]} last")
    lines.append(f"honest messages: {len(honest.acknowledged)} acknowledged, {len(honest.lost)} lost")
    lines.append(
        f"honest waits: {half:.0f} ms (half), {slowest:.0f} ms (all); {len(honest.failures)} refused"
    )
    lines += [f"an attacker ended by itself and was started again: {each}" for each in run.deaths]
    lines += [
        f"INCIDENT at second {each.at:.0f}: {each.what}: {' | '.join(each.words[-2:])}"
        for each in run.incidents
    ]
    return [*lines, REPLAY] if run.incidents else lines


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument(
        "--port", choices=[*PORTS, "all"], default="all", help="which port; all four at the same time"
    )
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="chance, repeatable"
    )
    parser.add_argument(
        "--pace", type=float, default=10.0, help="most cases a second on each port (default 10)"
    )
    parser.add_argument(
        "--chosen-ids",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="routing ids of the form NUL and four bytes among those chosen",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
