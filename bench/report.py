"""What was found, for a person and for a program. Knows nothing of what was measured."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.figures import NOT_GIVEN, Found, Rounds, missed
from bench.machine import machine, origin

RESULTS = Path(__file__).parent / "results"


def lines(found: Sequence[Rounds]) -> Iterator[str]:
    """A table: one line a figure with its median, its spread and its target."""
    for rounds in found:
        yield ""
        yield f"{rounds.measure.name}: {rounds.measure.about}"
        for each in rounds.found():
            yield _line(each, rounds.measure.guarantees.get(each.figure.name, ""))


def _line(found: Found, guarantee: str) -> str:
    if not found.rounds:
        return f"  {found.figure.name:<46}{'':>9} MISSED: {NOT_GIVEN}"
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


def written(path: Path, values: dict[str, Any]) -> None:
    """Write figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
