import pytest

from bench.bodies import END, LONGEST, SHORTEST, Tally, bodies, body


def test_bodies_have_all_sizes_from_48_to_120_bytes_and_their_number() -> None:
    texts = bodies(200)
    assert {len(each.encode()) for each in texts} == set(range(SHORTEST, LONGEST + 1))
    assert [int(each[:7]) for each in texts] == list(range(200))
    assert all(each.count(END) == 1 and each.endswith(END) for each in texts)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_tally_counts_each_body_once_however_the_bytes_are_cut(size: int) -> None:
    stream = b"\r\n".join(each.encode() for each in bodies(30))
    tally = Tally()
    ended = [tally.feed(stream[place : place + size]) for place in range(0, len(stream), size)]
    assert sum(ended) == tally.count == 30
    assert tally.fault(30) == ""


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ([0, 1, 1, 2], "of 4 messages 1 are missing, and 1 came more than once"),
        ([0, 1, 2], "of 4 messages 1 are missing, and 0 came more than once"),
        ([0, 1, 2, 3, 3], "of 4 messages 0 are missing, and 1 came more than once"),
        ([0, 1, 2, 9], "of 4 messages 1 are missing, and 0 came more than once"),
    ],
)
def test_what_is_missing_or_came_twice_is_told(numbers: list[int], fault: str) -> None:
    tally = Tally()
    tally.feed(b"".join(body(each).encode() for each in numbers))
    assert tally.fault(4) == fault


def test_the_order_of_arrival_is_nobodys_fault() -> None:
    tally = Tally()
    tally.feed(b"".join(body(each).encode() for each in (2, 0, 1)))
    assert tally.fault(3) == ""
