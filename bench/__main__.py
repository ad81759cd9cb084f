"""`make bench`: the product beside bare loops that do the same input and output, in one run.

All measures take turns, round by round, because machines are noisy. What counts is the median of the rounds.
"""

import argparse
import sys

from bench import report
from bench.machine import machine_line
from bench.measures import MEASURES
from bench.processes import BenchError
from bench.rounds import interleaved


def main() -> int:
    """Measure, print, and say by the exit status whether the required figures were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [each.name for each in MEASURES]
    parser.add_argument("--rounds", type=int, default=5, help="how many (default 5)")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    report.options(parser)
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    print(machine_line(), flush=True)
    chosen = [each for each in MEASURES if each.name in given.only]
    try:
        found = interleaved(chosen, given.rounds, report.progress)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return report.concluded(found, given)


if __name__ == "__main__":
    sys.exit(main())
