"""Light users at once, heavy ones in the time that is left; nobody's order is changed by it."""

from hypothesis import given
from hypothesis import strategies as st

from cnmessage_broker.scheduling.turns import LATELY, LIGHT, NEGLECT, Turns

BURST, RATE = LIGHT


def serve(turns: Turns[str], now: float, cost: float) -> str | None:
    """The next item, which costs so many seconds."""
    taken = turns.take(now)
    if taken is None:
        return None
    turns.served(taken[0], cost, now)
    return taken[1]


def made_heavy(turns: Turns[str], key: str, now: float) -> None:
    """Let a key use more than a light one may."""
    turns.put(key, "dear", 1, now)
    assert serve(turns, now, BURST * 10) == "dear"


def test_who_talked_is_before_those_that_begin_to_flood_once_time_has_passed() -> None:
    turns: Turns[str] = Turns(expect=lambda item: 0.0003 if item == "message" else 0.001)
    for number in range(40):  # all have been there before
        turns.put(f"flood{number}", "request", 1, 0.0)
    while serve(turns, 0.0, 0.02) is not None:
        pass
    for moment in range(1, 51):
        turns.put("talker", "message", 1, float(moment))
        assert serve(turns, float(moment), 0.0003) == "message"
    for number in range(40):
        turns.put(f"flood{number}", "request", 1, 60.0)
    turns.put("talker", "message", 1, 60.0)
    assert serve(turns, 60.0, 0.0003) == "message"


def test_a_light_user_comes_before_any_number_of_heavy_ones() -> None:
    turns: Turns[str] = Turns()
    for key in ("a", "b"):
        made_heavy(turns, key, 0.0)
        for number in range(5):
            turns.put(key, f"{key}{number}", 1, 0.0)
    turns.put("light", "hello", 1, 0.0)
    assert serve(turns, 0.0, 0.001) == "hello"
    assert not turns.heavy
    assert serve(turns, 0.0, 0.001) == "a0"
    assert turns.heavy


def test_heavy_work_rests_while_a_light_user_talks_and_only_then() -> None:
    turns: Turns[str] = Turns()
    made_heavy(turns, "a", 0.0)
    turns.put("a", "a0", 1, 0.0)
    turns.rest(0.5, 0.0)
    assert turns.wait(0.0) == 0.0
    turns.put("light", "hello", 1, 0.0)
    serve(turns, 0.0, 0.001)
    turns.talked(0.0)
    assert turns.wait(0.1) == 0.4
    assert turns.take(0.1) is None
    assert serve(turns, 0.5, 0.001) == "a0"
    turns.put("a", "a1", 1, 0.5)
    turns.rest(60.0, 0.5)
    assert turns.take(0.6) is None
    assert serve(turns, LATELY + 0.1, 0.001) == "a1"


def test_a_turn_without_heavy_work_does_not_end_the_rest() -> None:
    turns: Turns[str] = Turns()
    made_heavy(turns, "a", 0.0)
    turns.put("a", "a0", 1, 0.0)
    turns.put("light", "hello", 1, 0.0)
    serve(turns, 0.0, 0.001)
    turns.talked(0.0)
    turns.rest(0.5, 0.0)
    turns.rest(0.001, 0.1)
    assert turns.take(0.2) is None


def test_heavy_users_are_not_forgotten_while_light_ones_never_end() -> None:
    turns: Turns[str] = Turns()
    made_heavy(turns, "a", 0.0)
    turns.put("a", "a0", 1, 0.0)
    served, now = [], 0.0
    while "a0" not in served:
        turns.put("light", "hello", 1, now)
        served.append(serve(turns, now, 0.0))
        now += NEGLECT / 4
        assert now < NEGLECT * 3


def test_what_a_heavy_user_sends_is_no_company() -> None:
    turns: Turns[str] = Turns()
    made_heavy(turns, "a", 0.0)
    turns.put("a", "a0", 1, 0.0)
    serve(turns, 0.0, 0.001)
    turns.talked(0.0)
    assert not turns.company(0.0)


def test_who_was_heavy_is_light_again_after_a_while() -> None:
    turns: Turns[str] = Turns()
    made_heavy(turns, "a", 0.0)
    turns.put("a", "a0", 1, BURST * 10 / RATE)
    serve(turns, BURST * 10 / RATE, 0.001)
    assert not turns.heavy


def test_nothing_waits_for_ever_and_an_empty_line_is_told() -> None:
    turns: Turns[str] = Turns()
    assert turns.wait(0.0) is None
    assert turns.take(0.0) is None


def test_what_is_held_elsewhere_takes_its_keys_room() -> None:
    turns: Turns[str] = Turns()
    for _ in range(256):
        turns.hold("a", 1)
    assert not turns.has_room("a", 1, 0.0)
    turns.release("a", 1)
    assert turns.has_room("a", 1, 0.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 0.2), st.floats(0, 1)), max_size=60))
def test_each_keys_items_are_served_in_order_whatever_they_cost(
    steps: list[tuple[str, float, float]],
) -> None:
    turns: Turns[str] = Turns()
    now = 0.0
    put: dict[str, list[str]] = {key: [] for key in "abc"}
    got: dict[str, list[str]] = {key: [] for key in "abc"}
    for number, (key, cost, pause) in enumerate(steps):
        now += pause
        turns.put(key, str(number), 1, now)
        put[key].append(str(number))
        taken = turns.take(now)
        if taken is not None:
            got[taken[0]].append(taken[1])
            turns.talked(now)
            turns.served(taken[0], cost, now)
            turns.rest(cost, now)
    for _ in range(len(steps)):
        now += 1.0
        taken = turns.take(now)
        if taken is not None:
            got[taken[0]].append(taken[1])
            turns.served(taken[0], 0.0, now)
    assert got == put
    assert turns.size == 0


def test_a_stranger_counts_as_heavy_whatever_its_key() -> None:
    turns: Turns[str] = Turns()
    for number in range(50):
        turns.put(f"key{number}", "stranger", 1, 0.0, stranger=True)
    turns.put("known", "light", 1, 0.0)
    taken = turns.take(0.0)
    assert taken is not None
    assert taken[1] == "light"
    turns.served("known", 0.001, 0.0)
    assert turns.take(0.0) is not None
    assert turns.heavy
