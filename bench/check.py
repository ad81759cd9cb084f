"""`make bench-check`: whether the ratios are still what the committed baseline says.

Runs the measures that have steady ratios, in fewer rounds, and fails when one of them is worse by more than
a fifth. Ratios of one run are compared, never rates: those are another machine's. Latencies at the 99th
percentile are left to `make bench`: from run to run they differ by more than that.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.commandline import rounds, say
from bench.figures import NOT_GIVEN, Found, Measure, Rounds
from bench.machine import machine_line
from bench.measures import MEASURES
from bench.processes import BenchError
from bench.report import RESULTS, number
from bench.rounds import take_turns

ROUNDS = 3
WORSE = 0.2
"""By what part of its baseline a ratio may be worse."""

BASELINE = RESULTS / "baseline.json"
RENEW = "make bench SAVE=baseline"


@dataclass(frozen=True, slots=True)
class Compared:
    """A ratio of this run beside its baseline."""

    measure: str
    found: Found
    baseline: float

    @property
    def change(self) -> float:
        """By what part it is better than its baseline; negative when it is worse."""
        part = self.found.median / self.baseline - 1
        return part if self.found.figure.at_least is not None else -part

    @property
    def fell(self) -> bool:
        """Whether it is worse by more than is allowed, or was not measured at all."""
        return not self.found.rounds or self.change < -WORSE

    def line(self) -> str:
        """For a person."""
        name = f"{self.measure}: {self.found.figure.name}"
        if not self.found.rounds:
            return f"  {name:<56}FELL: {NOT_GIVEN}, baseline {number(self.baseline)}"
        verdict = "FELL" if self.fell else "as before"
        return (
            f"  {name:<56}{number(self.found.median):>7}, baseline {number(self.baseline)}, "
            f"{'better' if self.change >= 0 else 'worse'} by {abs(self.change) * 100:.0f} %: {verdict}"
        )


def steady(measures: Sequence[Measure]) -> list[Measure]:
    """Those with a ratio that is checked, with no runs but those that it needs."""
    checked = (each for each in measures if any(figure.checked for figure in each.figures))
    return [replace(each, more_runs=()) for each in checked]


def compared(found: Mapping[str, Sequence[Found]], baseline: Mapping[str, Any]) -> Iterator[Compared]:
    """Each checked ratio that the baseline has, too; BenchError when the baseline lacks one."""
    for name, figures in found.items():
        for each in figures:
            if not each.figure.checked:
                continue
            try:
                before = float(baseline["measures"][name]["figures"][each.figure.name]["median"])
            except (KeyError, TypeError, ValueError):
                raise BenchError(
                    f"the baseline has no '{each.figure.name}' of {name}; renew it: {RENEW}"
                ) from None
            yield Compared(name, each, before)


def read(path: Path) -> Mapping[str, Any]:
    """A baseline; BenchError when there is none that can be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"no baseline can be read from {path.name} ({error}); make one: {RENEW}") from error
    if not isinstance(values, dict):
        raise BenchError(f"{path.name} is no baseline; make one: {RENEW}")
    return values


def main() -> int:
    """Measure, compare, and say by the exit status whether a ratio fell."""
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("--rounds", type=rounds, default=ROUNDS, help=f"how many (default {ROUNDS})")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE", help="to compare with")
    given = parser.parse_args()
    try:
        baseline = read(given.baseline)
        found = [Rounds(each) for each in steady(MEASURES)]
        say(machine_line())
        take_turns(found, given.rounds, say)
        all_compared = list(compared({each.measure.name: each.found() for each in found}, baseline))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\nThe ratios beside the baseline of {baseline.get('date', 'an unknown date')}:")
    for each in all_compared:
        print(each.line())
    fell = [f"{each.measure}: {each.found.figure.name}" for each in all_compared if each.fell]
    if fell:
        print(
            f"worse by more than {WORSE * 100:.0f} %, or not measured: {'; '.join(fell)}. "
            f"If that is meant, renew the baseline on a quiet machine and commit it: {RENEW}",
            file=sys.stderr,
        )
    return 1 if fell else 0


if __name__ == "__main__":
    sys.exit(main())
