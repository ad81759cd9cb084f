"""Whose request is next: one key's flood is that key's wait, and what waits is bounded."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_broker.scheduling.fairness import MOST_KEYS, RECOVERY, SAVED, FairQueue, Room


def drained(queue: FairQueue[str], cost: float = 1.0) -> list[str]:
    """Everything, in the order in which it is served."""
    items = []
    while (taken := queue.take()) is not None:
        key, item, _ = taken
        items.append(item)
        queue.served(key, cost)
    return items


def drained_of(queue: FairQueue[str], key: str, cost: float) -> int:
    """Serve until this key was; gives how many others were before it."""
    for before in count():
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], cost)
        if taken[0] == key:
            return before
    raise AssertionError


def fill(queue: FairQueue[str], key: str, count: int, size: int = 1) -> None:
    for number in range(count):
        queue.put(key, f"{key}{number}", size)


def test_one_key_is_served_in_order() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "a", 4)
    assert drained(queue) == ["a0", "a1", "a2", "a3"]
    assert not queue
    assert queue.take() is None


def test_keys_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "a", 3)
    fill(queue, "b", 3)
    assert drained(queue) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_who_comes_into_a_flood_is_next() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "flood", 100)
    for _ in range(50):
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], 1.0)
    queue.put("late", "late0", 1)
    assert drained(queue)[:2].count("late0") == 1


def test_dear_requests_cost_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "dear", 3)
    fill(queue, "cheap", 9)
    order = []
    while (taken := queue.take()) is not None:
        key, item, _ = taken
        order.append(item)
        queue.served(key, 4.0 if key == "dear" else 1.0)
    assert order.index("dear1") > order.index("cheap3")
    assert order.index("dear2") > order.index("cheap7")


def test_rest_saves_nothing_up() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "busy", 50)
    for _ in range(50):
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], 1.0)
    fill(queue, "rested", 10)
    fill(queue, "busy", 10)
    first = drained(queue)[:10]
    assert sum(each.startswith("rested") for each in first) <= 6


@pytest.mark.parametrize("others", [2, 160])
def test_who_used_little_lately_is_before_all_who_used_more(others: int) -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "light", 1)
    for number in range(others):
        fill(queue, f"crowd{number}", 50)
    assert drained_of(queue, "light", SAVED / 50) >= 0
    for _ in range(20 * others):  # the crowd goes on, each as often as the others
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], SAVED / 50)
    queue.put("light", "again", 1)
    assert drained(queue, SAVED / 50)[0] == "again"


def test_what_a_key_saves_up_is_bounded() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "idle", 1)
    assert drained(queue, SAVED) == ["idle0"]
    fill(queue, "busy", 400)
    for _ in range(200):
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], SAVED)
    fill(queue, "idle", 50)
    first = drained(queue, SAVED / 4)[:20]
    assert 1 <= next(place for place, item in enumerate(first) if item.startswith("busy")) <= 8


def test_a_short_request_is_before_a_long_one_of_a_key_that_has_used_no_more() -> None:
    seconds = {"short": 0.001, "long": 1.0}
    queue: FairQueue[str] = FairQueue(expect=seconds.__getitem__)
    queue.put("a", "long", 1)
    queue.put("b", "short", 1)
    assert drained(queue) == ["short", "long"]


def test_a_long_request_is_served_however_many_short_ones_of_new_keys_come() -> None:
    long, short = 0.02, 0.002
    queue: FairQueue[str] = FairQueue(expect=lambda item: long if item == "long" else short)
    queue.put("patient", "long", 1)
    for number in range(int(long / RECOVERY / short) + 1):
        queue.elapse(number * short)
        queue.put(f"key{number}", "short", 1)
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], short)
        if taken[1] == "long":
            return
    raise AssertionError("the long one waits for ever")


@pytest.mark.parametrize("floods", [10, 300])
def test_time_gives_back_what_a_talker_used_so_that_a_flood_that_begins_is_behind_it(floods: int) -> None:
    # All had been quiet for long, but for the talker: a message of a fifth of what it saves up, now and then.
    message, pause = RECOVERY / 5, 1.0
    queue: FairQueue[str] = FairQueue(expect=lambda item: message if item == "message" else 2 * message)
    queue.elapse(0.0)
    for number in range(floods):
        queue.put(f"flood{number}", "early", 1)
    drained(queue, SAVED)
    for moment in range(1, 100):
        queue.elapse(moment * pause)
        queue.put("talker", "message", 1)
        assert drained(queue, message) == ["message"]
    queue.elapse(100 * pause)
    for number in range(floods):
        fill(queue, f"flood{number}", 5)
    queue.put("talker", "message", 1)
    assert drained_of(queue, "talker", message) == 0


def test_what_is_put_back_comes_before_the_keys_others_but_not_before_other_keys() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "a", 2)
    fill(queue, "b", 1)
    taken = queue.take()
    assert taken is not None
    queue.put_back("a", "a0 again", 1)
    queue.served("a", 1.0)
    assert drained(queue) == ["b0", "a0 again", "a1"]


def test_items_and_bytes_of_a_key_are_bounded() -> None:
    queue: FairQueue[str] = FairQueue(Room(items_of_key=3, bytes_of_key=10))
    fill(queue, "many", 3)
    assert not queue.has_room("many", 1)
    queue.put("large", "large0", 9)
    assert not queue.has_room("large", 2)
    assert queue.has_room("large", 1)
    assert queue.has_room("other", 10)
    drained(queue)
    assert queue.size == 0
    assert all(queue.has_room(key, 10) for key in ("many", "large", "other"))


def test_when_too_much_waits_in_all_the_longest_line_pays() -> None:
    queue: FairQueue[str] = FairQueue(Room(bytes_of_all=10))
    fill(queue, "flood", 4, size=2)
    assert queue.shorten() is None
    queue.put("light", "light0", 3)
    assert queue.shorten() == ("flood", "flood3")
    assert queue.shorten() is None
    queue.put("light", "light1", 9)
    assert [queue.shorten() for _ in range(2)] == [("light", "light1"), None]
    assert drained(queue) == ["flood0", "light0", "flood1", "flood2"]
    assert queue.size == 0


def test_a_line_that_is_shortened_to_nothing_is_no_line() -> None:
    queue: FairQueue[str] = FairQueue(Room(bytes_of_all=1))
    queue.put("a", "a0", 2)
    assert queue.shorten() == ("a", "a0")
    assert not queue
    assert queue.take() is None


def test_a_single_item_above_a_keys_bytes_finds_room_when_nothing_of_it_waits() -> None:
    queue: FairQueue[str] = FairQueue(Room(bytes_of_key=10))
    assert queue.has_room("a", 11)


def test_what_is_held_elsewhere_takes_room_until_it_is_released() -> None:
    queue: FairQueue[str] = FairQueue(Room(items_of_key=1, bytes_of_key=10))
    queue.hold("a", 4)
    assert not queue.has_room("a", 1)
    queue.release("a", 4)
    assert queue.has_room("a", 1)
    assert queue.size == 0


def test_what_waits_first_is_to_be_seen() -> None:
    queue: FairQueue[str] = FairQueue()
    fill(queue, "a", 2)
    assert queue.first("a") == "a0"
    assert queue.first("b") is None
    drained(queue)
    assert queue.first("a") is None


def test_keys_that_have_nothing_to_pay_are_forgotten() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(MOST_KEYS + 100):
        queue.put(f"key{number}", "item", 1)
        drained(queue)
    assert len(queue._lines) <= MOST_KEYS


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.floats(0.0, 10.0, allow_nan=False)),
        max_size=60,
    )
)
def test_whatever_comes_each_item_is_served_once_in_its_keys_order(
    steps: list[tuple[str, int, float]],
) -> None:
    queue: FairQueue[str] = FairQueue()
    put: dict[str, list[str]] = {key: [] for key in "abcd"}
    got: dict[str, list[str]] = {key: [] for key in "abcd"}
    for number, (key, takes, cost) in enumerate(steps):
        queue.put(key, str(number), number)
        put[key].append(str(number))
        for _ in range(takes):
            taken = queue.take()
            if taken is not None:
                got[taken[0]].append(taken[1])
                queue.served(taken[0], cost)
    while (taken := queue.take()) is not None:
        got[taken[0]].append(taken[1])
        queue.served(taken[0], 1.0)
    assert got == put
    assert queue.size == 0


@given(st.integers(1, 20), st.floats(0.1, 5.0))
def test_a_light_user_waits_for_one_request_of_each_other_at_most(others: int, cost: float) -> None:
    queue: FairQueue[str] = FairQueue()
    for other in range(others):
        fill(queue, f"flood{other}-", 20)
    for step in range(others * 5):
        taken = queue.take()
        assert taken is not None
        queue.served(taken[0], cost)
        if step % 7 == 0:
            queue.put("light", "light", 1)
            waited = 0
            while (served := queue.take()) is not None and served[0] != "light":
                queue.served(served[0], cost)
                waited += 1
            assert served is not None
            queue.served("light", 0.01)
            assert waited <= others
