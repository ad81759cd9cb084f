import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.figures import Figure, Measure, Rounds, missed
from bench.rounds import take_turns

RATIO = Figure("a ÷ b", at_least=1.0, ratio_of=("a", "b"))
PAIR = Measure("pair", "two things", (), (Figure("a", "/s"), Figure("b", "/s"), RATIO))


def rounds(*values: Mapping[str, float]) -> Rounds:
    return Rounds(PAIR, [dict(each) for each in values])


def test_a_ratio_is_made_within_each_round_so_that_a_slow_moment_slows_both() -> None:
    # The machine was ten times as slow in the second round; medians over all rounds would give 1.0.
    a, b, ratio = rounds({"a": 200, "b": 100}, {"a": 20, "b": 10}, {"a": 100, "b": 200}).found()
    assert (a.median, b.median) == (100, 100)
    assert ratio.rounds == (2.0, 2.0, 0.5)
    assert ratio.median == 2.0


def test_the_worst_of_all_rounds_decides_nothing() -> None:
    slow = rounds({"a": 1, "b": 1}, {"a": 1, "b": 60}, {"a": 1, "b": 1})
    assert missed([slow]) == []
    assert slow.found()[2].as_json() | {"rounds": []} == {
        "unit": "",
        "median": 1.0,
        "low": 1 / 60,
        "high": 1.0,
        "rounds": [],
        "target": "at least 1",
        "met": True,
    }


def test_a_median_that_is_not_good_enough_is_missed_and_named() -> None:
    found = rounds({"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 9, "b": 1})
    assert missed([found]) == ["pair: a ÷ b is 0.75, must be at least 1"]


@pytest.mark.parametrize(
    ("figure", "value", "met"),
    [
        (Figure("f", at_least=0.5), 0.5, True),
        (Figure("f", at_least=0.5), math.nextafter(0.5, 0), False),
        (Figure("f", at_most=14), 14, True),
        (Figure("f", at_most=14), math.nextafter(14, 15), False),
        (Figure("f"), 1e9, None),
    ],
)
def test_a_target_is_met_up_to_its_very_value(figure: Figure, value: float, met: bool | None) -> None:
    assert figure.met_by(value) is met


def test_what_no_round_gave_is_missed_and_so_is_its_ratio_whether_it_has_a_target_or_not() -> None:
    found = rounds({"a": 1}, {"a": 2})
    assert [(each.figure.name, each.met) for each in found.found()] == [
        ("a", None),
        ("b", False),
        ("a ÷ b", False),
    ]
    assert missed([found]) == ["pair: b: no round gave it", "pair: a ÷ b: no round gave it"]
    assert found.as_json()["figures"].keys() == {"a"}


def test_a_round_in_which_the_divisor_is_nothing_gives_no_ratio() -> None:
    assert rounds({"a": 1, "b": 0}, {"a": 6, "b": 3}).found()[2].rounds == (2.0,)
    assert missed([rounds({"a": 1, "b": 0})]) == ["pair: a ÷ b: no round gave it"]


def test_before_the_first_round_is_over_nothing_is_missed() -> None:
    assert missed([rounds()]) == []


def test_runs_take_turns_round_by_round_each_in_a_fresh_folder() -> None:
    seen: list[tuple[str, Path]] = []

    def run(name: str, folder: Path) -> Mapping[str, float]:
        assert list(folder.iterdir()) == []
        (folder / "left").touch()
        seen.append((name, folder))
        return {name: float(len(seen))}

    def one(name: str) -> Measure:
        return Measure(
            name, "", (lambda folder: run(name, folder),), (Figure(name),), more_runs=(lambda _: {},)
        )

    told: list[str] = []
    found = [Rounds(one("a")), Rounds(one("b"))]
    take_turns(found, 3, told.append)
    assert [name for name, _ in seen] == ["a", "b"] * 3
    assert [each.found()[0].rounds for each in found] == [(1, 3, 5), (2, 4, 6)]
    assert not any(folder.exists() for _, folder in seen)
    assert told[0] == "round 1 of 3, a: a 1"
