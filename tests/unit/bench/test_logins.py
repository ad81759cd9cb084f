import pytest

from bench.figures import Rounds, missed
from bench.logins import ENOUGH, MEASURE, RATE, told

_DONE, _REFUSED = (figure.name for figure in MEASURE.figures[-2:])
SECONDS = 10.0


def what_is_missed(done: float, refused: float) -> list[str]:
    """Which figures of the logins are; a run whose messages were as quick as they must be."""
    figures = told({"done": done, "refused": refused, "seconds": SECONDS})
    of_messages = {each.name: 1.0 for each in MEASURE.figures if each.ratio_of is None}
    values = {**of_messages, _DONE: -1.0, **figures}
    if _REFUSED not in figures:
        del values[_REFUSED]
    return missed([Rounds(MEASURE, [values])])


def test_a_run_with_the_logins_it_is_about_is_met() -> None:
    assert what_is_missed(RATE * SECONDS, 0) == []
    assert what_is_missed(ENOUGH * SECONDS, 0) == []


@pytest.mark.parametrize(
    ("done", "refused", "names"),
    [
        pytest.param(ENOUGH * SECONDS - 1, 0, [_DONE], id="too few"),
        pytest.param(RATE * SECONDS, 1, [_REFUSED], id="one refused"),
        pytest.param(0, RATE * SECONDS, [_DONE, _REFUSED], id="all refused"),
        pytest.param(0, 0, [_DONE, _REFUSED], id="none answered"),
    ],
)
def test_a_run_beside_fewer_logins_or_refused_ones_is_missed(
    done: float, refused: float, names: list[str]
) -> None:
    lines = what_is_missed(done, refused)
    for line, name in zip(lines, names, strict=True):
        assert line.startswith(f"logins: {name}")
