"""What was found, for a person and for a program. Knows nothing of what was measured."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.chart import drawn
from bench.figures import Found, Rounds, missed
from bench.machine import machine, origin

RESULTS = Path(__file__).parent / "results"


def options(parser: ArgumentParser) -> None:
    """Add what every benchmark's command line takes of where its figures go and what its exit status says."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--save", metavar="NAME", help="write bench/results/NAME.json, and NAME.svg")
    parser.add_argument("--no-fail", action="store_true", help="exit 0 even if a required figure is missed")


def lines(found: Sequence[Rounds]) -> Iterator[str]:
    """A table: one line a figure with its median, its spread and its target."""
    for rounds in found:
        yield ""
        yield f"{rounds.measure.name}: {rounds.measure.about}"
        for each in rounds.found():
            yield _line(each, rounds.measure.guarantees.get(each.figure.name, ""))


def _line(found: Found, guarantee: str) -> str:
    low, high = (number(each) for each in (min(found.rounds), max(found.rounds)))
    target = found.figure.target
    if target:
        target = f"   {target}: {'met' if found.met else 'MISSED'}"
    name, value = found.figure.name, number(found.median)
    row = f"  {name:<46}{value:>9} {found.figure.unit:<6} ({low} to {high}){target}"
    return row if not guarantee else f"{row}\n      {guarantee}"


def number(value: float) -> str:
    """As many digits as say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def as_json(found: Sequence[Rounds]) -> dict[str, Any]:
    """All of it, for a program."""
    measures = {each.measure.name: each.as_json() for each in found}
    return {**origin(), "machine": machine(), "measures": measures, "missed": missed(found)}


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


def written(path: Path, values: dict[str, Any]) -> None:
    """Write figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def progress(text: str) -> None:
    """Say at once how it goes on."""
    print(text, flush=True)
