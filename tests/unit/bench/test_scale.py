import pytest

from bench.scale import Figures


def test_figures_that_are_good_enough_miss_nothing() -> None:
    assert Figures(1).missed() == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (Figures(1, missing=3), "1 clients: messages that did not come: 3, must be at most 0"),
        (Figures(1, ended=2), "1 clients: sessions that ended for good: 2, must be at most 0"),
        (Figures(1, status=1), "1 clients: exit status of the stop: 1, must be at most 0"),
    ],
)
def test_what_went_wrong_beside_the_figures_is_missed_and_no_mere_note(found: Figures, line: str) -> None:
    assert found.missed() == [line]
