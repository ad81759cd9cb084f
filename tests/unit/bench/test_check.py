import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.check import compared, steady
from bench.figures import Figure, Found
from bench.measures import MEASURES
from bench.processes import BenchError

ROOT = Path(__file__).parents[3]
SPEED = Figure("product ÷ loop", at_least=0.1, ratio_of=("product", "loop"), checked=True)
COST = Figure("whoami ÷ python", at_most=9.0, ratio_of=("whoami", "python"), checked=True)
BASELINE = {
    "measures": {"m": {"figures": {"product ÷ loop": {"median": 0.5}, "whoami ÷ python": {"median": 2.0}}}}
}


def fell(figure: Figure, *rounds: float) -> bool:
    (one,) = compared({"m": [Found(figure, rounds)]}, BASELINE)
    assert ("FELL" in one.line()) == one.fell
    return one.fell


@pytest.mark.parametrize(
    ("figure", "before"), [(SPEED, 0.5), (COST, 2.0)], ids=["more is better", "less is better"]
)
def test_a_ratio_may_be_worse_by_a_fifth_and_no_more(figure: Figure, before: float) -> None:
    worse = -1 if figure is SPEED else 1
    assert not fell(figure, before)
    assert not fell(figure, before * (1 + worse * 0.19))
    assert fell(figure, before * (1 + worse * 0.21))
    assert not fell(figure, before * (1 - worse * 0.5)), "better is never a fall"


def test_one_bad_round_is_no_fall() -> None:
    assert not fell(SPEED, 0.1, 0.5, 0.5)
    assert fell(SPEED, 0.1, 0.1, 0.5)


def test_figures_that_vary_by_themselves_are_not_compared() -> None:
    rate, p99 = Figure("product", "/s"), Figure("p99 ÷ idle", at_most=2.0, ratio_of=("x", "y"))
    assert list(compared({"m": [Found(rate, (1,)), Found(p99, (99,))]}, BASELINE)) == []


@pytest.mark.parametrize("figure", [SPEED, COST], ids=["more is better", "less is better"])
def test_a_ratio_that_no_round_gave_has_fallen(figure: Figure) -> None:
    assert fell(figure)


@pytest.mark.parametrize(
    "baseline",
    [{}, {"measures": {}}, {"measures": {"m": {"figures": {}}}}, {"measures": []}],
)
def test_a_baseline_that_lacks_a_ratio_is_named_with_what_to_do(baseline: Any) -> None:
    with pytest.raises(BenchError, match=r"no 'product ÷ loop' of m; renew it: make bench SAVE=baseline"):
        list(compared({"m": [Found(SPEED, (1,))]}, baseline))


def test_only_ratios_with_a_direction_are_checked_and_their_runs_are_the_only_ones() -> None:
    chosen = steady(MEASURES)
    assert {each.name for each in chosen} == {"messages", "cold-start", "files"}
    for each in chosen:
        assert each.more_runs == ()
        for figure in each.figures:
            if figure.checked:
                assert figure.ratio_of is not None
                assert (figure.at_least is None) != (figure.at_most is None)


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_without_a_baseline_one_line_says_how_to_make_one(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "baseline.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "bench.check", "--baseline", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("bench: ")
    assert line.endswith("make one: make bench SAVE=baseline")
