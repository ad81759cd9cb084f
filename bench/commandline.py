"""What the benchmarks' command lines have in common: how many rounds, where figures go, the exit status."""

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from bench.chart import drawn
from bench.figures import Measure, Rounds
from bench.machine import machine_line
from bench.processes import BenchError
from bench.report import RESULTS, as_json, lines, written
from bench.rounds import take_turns

ROUNDS = 5


def add_options(parser: ArgumentParser) -> None:
    """How many rounds, where the figures go, what the exit status says."""
    parser.add_argument("--rounds", type=rounds, default=ROUNDS, help=f"how many (default {ROUNDS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument(
        "--save", type=_name, metavar="NAME", help="write bench/results/NAME.json, and NAME.svg"
    )
    parser.add_argument("--no-fail", action="store_true", help="exit 0 even if a required figure is missed")


def rounds(text: str) -> int:
    """A number of rounds from a command line."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' is no number of rounds; give one from 1")
    return int(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", text):
        raise ArgumentTypeError(f"'{text}' is no name of a result; use letters, digits, - and _")
    return text


def say(text: str) -> None:
    """How it goes on, at once."""
    print(text, flush=True)


def run(measures: Sequence[Measure], given: Namespace) -> int:
    """Measure, and conclude; when a run fails, what was found before is shown, and nothing is written."""
    found = [Rounds(each) for each in measures]
    say(machine_line())
    try:
        take_turns(found, given.rounds, say)
    except BenchError as error:
        for line in lines(found):
            print(line)
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return concluded(found, given)


def concluded(found: Sequence[Rounds], given: Namespace) -> int:
    """Print the table, write what was asked for, and give the exit status."""
    for line in lines(found):
        print(line)
    values = as_json(found)
    if given.json is not None:
        written(given.json, values)
    if given.save is not None:
        written(RESULTS / f"{given.save}.json", values)
        (RESULTS / f"{given.save}.svg").write_text(drawn(values), encoding="utf-8")
        print(f"\nwritten: bench/results/{given.save}.json and .svg")
    for text in values["missed"]:
        print(f"missed: {text}", file=sys.stderr)
    return 1 if values["missed"] and not given.no_fail else 0
