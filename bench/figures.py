"""What is measured, what it must be, and the statistics of its rounds. Knows nothing of how it is measured.

A measure has runs, each of which gives some figures; runs take turns, round by round. A ratio is made of two
figures of the same round, so that what slows the machine for a while slows both. What counts of a figure or
a ratio is the median of its rounds: nothing is judged by its longest or its worst.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOT_GIVEN = "no round gave it"

Run = Callable[[Path], Mapping[str, float]]
"""Measures once in an empty folder of its own; gives values by the names of figures."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a report.

    `ratio_of` names the two figures that it is made of; others come from the runs. `checked` has
    `make bench-check` compare it: for ratios that vary less by themselves than what is to be noticed.
    """

    name: str
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    ratio_of: tuple[str, str] | None = None
    checked: bool = False

    @property
    def target(self) -> str:
        """What it must be, in words; empty when that is open."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    def met_by(self, value: float) -> bool | None:
        """Whether a value is as good as it must be; None when that is open."""
        if self.at_least is not None:
            return value >= self.at_least
        return None if self.at_most is None else value <= self.at_most


@dataclass(frozen=True, slots=True)
class Measure:
    """Runs that take turns, and what comes of them.

    `more_runs` give what no checked figure needs; `guarantees` says what a figure's program promises.
    """

    name: str
    about: str
    runs: Sequence[Run]
    figures: Sequence[Figure]
    guarantees: Mapping[str, str] = field(default_factory=dict)
    more_runs: Sequence[Run] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What the rounds gave for a figure; a round in which it could not be had is left out.

    A figure that no round gave has none, is NaN, and is missed whatever its target: a run that no longer
    measures must not look like one that is as good as it has to be.
    """

    figure: Figure
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.rounds) if self.rounds else math.nan

    @property
    def met(self) -> bool | None:
        """Whether it is as good as it must be; None when that is open."""
        return self.figure.met_by(self.median) if self.rounds else False

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "unit": self.figure.unit,
            "median": self.median,
            "low": min(self.rounds),
            "high": max(self.rounds),
            "rounds": list(self.rounds),
            "target": self.figure.target,
            "met": self.met,
        }


@dataclass(slots=True)
class Rounds:
    """What a measure has given so far: for each round, values by name."""

    measure: Measure
    values: list[dict[str, float]] = field(default_factory=list)

    def found(self) -> list[Found]:
        """Each figure in the measure's order; nothing before the first round is over."""
        if not self.values:
            return []
        return [Found(each, tuple(self._rounds_of(each))) for each in self.measure.figures]

    def _rounds_of(self, figure: Figure) -> Iterator[float]:
        names = figure.ratio_of or (figure.name,)
        for values in self.values:
            if all(name in values for name in names):
                over, *under = (values[name] for name in names)
                if 0 not in under:
                    yield over / under[0] if under else over

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "about": self.measure.about,
            "guarantees": dict(self.measure.guarantees),
            "figures": {each.figure.name: each.as_json() for each in self.found() if each.rounds},
        }


def missed(all_rounds: Iterable[Rounds]) -> list[str]:
    """Which figures are not as good as they must be, a line each."""
    return [
        f"{rounds.measure.name}: {_shortcoming(each)}"
        for rounds in all_rounds
        for each in rounds.found()
        if each.met is False
    ]


def _shortcoming(found: Found) -> str:
    figure = found.figure
    if not found.rounds:
        return f"{figure.name}: {NOT_GIVEN}"
    return f"{figure.name} is {found.median:,.2f} {figure.unit}".rstrip() + f", must be {figure.target}"
