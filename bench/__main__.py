"""`make bench`: the product beside bare loops that do the same input and output, in one run.

All measures take turns, round by round, because machines are noisy. What counts is the median of the rounds.
"""

import argparse
import sys

from bench.commandline import add_options, run
from bench.measures import MEASURES


def main() -> int:
    """Measure, print, and say by the exit status whether the required figures were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [each.name for each in MEASURES]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    add_options(parser)
    given = parser.parse_args()
    return run([each for each in MEASURES if each.name in given.only], given)


if __name__ == "__main__":
    sys.exit(main())
