"""A walk over pages: it goes on as long as it brings what was asked for, and no longer."""

from collections.abc import Callable

import pytest

from cnmessage_client.link.pages import FULL, MOST_BYTES, MOST_ROWS, STRETCH, Walk, check_order
from cnmessage_protocol.errors import CnMessageError, ErrorCode

TIMEOUT = 10.0


def test_full_and_fat_pages_give_time_for_the_next_and_others_do_not() -> None:
    walk = Walk(0.0, TIMEOUT)
    walk.came(50.0, 99, FULL - 1, asked=100)
    assert walk.until == STRETCH * TIMEOUT
    walk.came(51.0, 100, 0, asked=100)
    assert walk.until == 51.0 + STRETCH * TIMEOUT
    walk.came(52.0, 1, FULL, asked=100)
    assert walk.until == 52.0 + STRETCH * TIMEOUT


def test_more_than_was_asked_for_more_than_fits_and_more_of_nothing_end_it() -> None:
    walk = Walk(0.0, TIMEOUT)
    walk.came(0.0, 1, MOST_BYTES, asked=1)
    steps: list[tuple[Callable[[], None], ErrorCode]] = [
        (lambda: walk.came(0.0, 2, 0, asked=1), ErrorCode.INTERNAL),
        (lambda: walk.came(0.0, 1, 1, asked=1), ErrorCode.TOO_LARGE),
        (lambda: walk.listed(0, more=True), ErrorCode.INTERNAL),
    ]
    for step, code in steps:
        with pytest.raises(CnMessageError) as caught:
            step()
        assert caught.value.code is code


def test_a_list_has_an_end() -> None:
    walk = Walk(0.0, TIMEOUT)
    walk.came(0.0, MOST_ROWS, 0, asked=MOST_ROWS)
    walk.listed(MOST_ROWS, more=True)
    walk.came(0.0, 1, 0, asked=1)
    with pytest.raises(CnMessageError, match="more than 100,000"):
        walk.listed(1, more=True)


@pytest.mark.parametrize("places", [[5], [6, 6], [7, 6]])
def test_places_rise_strictly(places: list[int]) -> None:
    check_order([6, 7], 5)
    check_order(["b", "c"], "a")
    with pytest.raises(CnMessageError, match="make no progress"):
        check_order(places, 5)
