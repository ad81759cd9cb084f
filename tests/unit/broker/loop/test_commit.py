"""What goes to the disk in one group: order, what waits while the writer is busy, what a full disk may cost.

A real store and real sockets, on which nobody is. The writer works on the spot, or when the test lets it.
"""

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from cnmessage_broker.loop.commit import BEHIND, HEAVY_BEHIND, HEAVY_ROWS, LINGER, RETRY
from cnmessage_broker.loop.effects import Confirm, Submit
from cnmessage_broker.loop.pending import BYTES_OF_ROW
from cnmessage_broker.scheduling.asker import Ticket
from cnmessage_broker.scheduling.ranked import LAST
from cnmessage_broker.store.ports.messages import Store
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import UserName
from cnmessage_protocol.records import Kind
from cnmessage_protocol.results import Done, Sent
from tests.unit.broker.loop.conftest import Turn, message


def test_bytes_of_bodies_count_as_rows_do(turn: Turn) -> None:
    turn.submit(1)
    assert turn.commit.rows == 2
    turn.submit(2, "x" * 10 * BYTES_OF_ROW)
    assert turn.commit.rows == 2 + 2 + 10


def test_a_broadcast_counts_as_many_rows_as_there_are_who_listen(turn: Turn) -> None:
    device = turn.store.bind_device("key", turn.bob.id, "", 1)
    for _ in range(20):
        turn.listeners.add(device, turn.bob.name, 0.0)
    new = message(turn.alice, turn.bob, bytes(16), (UserName("all"),), "hello")
    turn.commit.submit(Ticket(1), Submit([replace(new, kind=Kind.BROADCAST)]))
    assert turn.commit.rows == 21


heavy_or_not = pytest.mark.parametrize("heavy", [False, True], ids=["light", "heavy"])


@heavy_or_not
def test_a_message_right_after_a_departure_counts_as_missed(turn: Turn, *, heavy: bool) -> None:
    turn.commit.presence(turn.bob.id, online=True)
    turn.run()
    turn.commit.presence(turn.bob.id, online=False)
    turn.submit(1, heavy=heavy)
    turn.run()
    assert (turn.marks.away_from, turn.marks.head) == (0, 1)


@heavy_or_not
def test_a_message_right_after_an_arrival_does_not_count_as_missed(turn: Turn, *, heavy: bool) -> None:
    turn.commit.presence(turn.bob.id, online=True)
    turn.submit(1, heavy=heavy)
    turn.run()
    assert (turn.marks.away_upto, turn.marks.head) == (0, 1)


@heavy_or_not
def test_a_message_right_before_a_departure_was_not_missed(turn: Turn, *, heavy: bool) -> None:
    turn.commit.presence(turn.bob.id, online=True)
    turn.run()
    turn.submit(1, heavy=heavy)
    turn.commit.presence(turn.bob.id, online=False)
    turn.submit(2, heavy=heavy)
    turn.run()
    assert (turn.marks.away_from, turn.marks.away_upto, turn.marks.head) == (1, None, 2)


def test_nothing_is_answered_before_it_is_on_disk(turn: Turn) -> None:
    turn.submit(1)
    turn.commit.confirm(Ticket(2), Confirm(Done()))
    assert turn.answered() == {}
    assert turn.marks.head == 0
    turn.run()
    identity = (1).to_bytes(16, "big")
    assert turn.answered() == {1: Sent(((identity, identity, 1, 1),), ()), 2: Done()}
    assert turn.marks.head == 1


def test_a_full_disk_does_not_forget_who_came_and_what_was_read(turn: Turn) -> None:
    # The sender of a refused message sends again; nobody sends presence and marks again.
    turn.submit(1)
    turn.run()
    connection = turn.store._db.connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    turn.submit(2, "x" * 60_000)
    turn.commit.presence(turn.bob.id, online=True)
    turn.commit.read(turn.bob.id, 1)
    turn.run()
    assert not turn.commit.failed
    assert turn.answered()[2] is ErrorCode.STORAGE
    assert turn.marks.head == 1
    connection.execute("PRAGMA max_page_count = 100000")
    turn.run()
    assert turn.marks.read == 0  # not at once: a disk that fails is not asked all the time
    turn.now += RETRY
    turn.run()
    assert (turn.marks.read, turn.marks.away_upto) == (1, 1)


def test_that_the_disk_fails_and_is_sound_again_is_told(turn: Turn) -> None:
    turn.submit(1)
    turn.run()
    assert turn.trail.take() == []
    connection = turn.store._db.connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in (2, 3):
        turn.submit(number, "x" * 60_000)
        turn.run()
    connection.execute("PRAGMA max_page_count = 100000")
    turn.submit(4)
    turn.run()
    assert [str(each) for each in turn.trail.take()] == [
        "commit: sound --not taken--> failing (1 message)",
        "commit: failing --not taken--> failing (1 message)",
        "commit: failing --taken--> sound",
    ]


def test_what_comes_while_the_writer_is_busy_goes_with_the_next_group_in_order(turn: Turn) -> None:
    turn.holding = True
    turn.submit(1)
    turn.run()
    for number in (2, 3):
        turn.submit(number)
        turn.run()
    assert len(turn.held) == 1
    assert turn.answered() == {}
    turn.let_go()
    assert list(turn.answered()) == [1]
    turn.let_go()
    assert list(turn.answered()) == [2, 3]
    assert [item.id[-1] for item in turn.store.inbox_after(turn.bob.id, 0, 9, 1 << 20)] == [1, 2, 3]
    assert not turn.commit.busy


def given(result: Any, _: Store) -> Any:
    """A job that does nothing."""
    return result


def test_a_message_waits_for_one_job_at_most_however_many_there_are(turn: Turn) -> None:
    turn.holding = True
    done: list[int] = []
    for number in range(9):
        turn.commit.write(LAST, partial(given, number), lambda came: done.append(came.result))
    turn.run()
    turn.submit(1)
    turn.let_go()
    turn.let_go()
    assert (done, list(turn.answered())) == ([0], [1])
    while turn.held:
        turn.let_go()
    assert done == [*range(9)]


def test_jobs_go_by_rank_and_light_users_first(turn: Turn) -> None:
    done: list[str] = []
    turn.holding = True
    ranks = {"first come": (True, 0.0), "heavy": (True, 1.0), "less": (False, 0.1), "more": (False, 0.2)}
    for name, rank in ranks.items():
        turn.commit.write(rank, partial(given, name), lambda came: done.append(came.result))
        turn.run()
    while turn.held:
        turn.let_go()
    assert done == ["first come", "less", "more", "heavy"]


def test_who_asks_for_it_hears_when_their_own_is_settled_also_if_it_was_refused(turn: Turn) -> None:
    heard: list[str] = []
    assert not turn.commit.when_settled(turn.alice.id, lambda: heard.append("nothing to wait for"))
    turn.holding = True
    turn.commit.read(turn.bob.id, 1)
    turn.submit(1)
    turn.run()
    turn.submit(2)
    turn.commit.presence(turn.bob.id, online=True)
    assert turn.commit.when_settled(turn.bob.id, partial(heard.append, "bob has read"))
    assert turn.commit.when_settled(turn.bob.id, partial(heard.append, "bob is here"), presence=True)
    assert turn.commit.when_settled(turn.alice.id, partial(heard.append, "alice has sent"))
    turn.let_go()
    assert (heard, list(turn.answered())) == (["bob has read"], [1])
    connection = turn.store._db.connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    turn.submit(3, "x" * 60_000)
    connection.execute(f"PRAGMA max_page_count = {pages}")
    assert turn.commit.when_settled(turn.alice.id, partial(heard.append, "alice was refused"))
    turn.let_go()
    assert heard == ["bob has read", "bob is here", "alice has sent"]
    turn.let_go()
    assert heard[3:] == ["alice was refused"]
    assert turn.answered()[3] is ErrorCode.STORAGE


def test_what_is_owed_after_a_failure_goes_before_what_came_since(turn: Turn) -> None:
    connection = turn.store._db.connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    turn.submit(1, "x" * 60_000)
    turn.commit.presence(turn.bob.id, online=True)
    turn.run()
    connection.execute("PRAGMA max_page_count = 100000")
    turn.submit(2)
    turn.run()
    assert (turn.marks.away_upto, turn.marks.head) == (0, 1)


def test_marks_alone_wait_a_moment_for_a_message_to_go_with(turn: Turn) -> None:
    turn.holding = True
    turn.submit(1)
    turn.run()
    turn.let_go()
    turn.commit.read(turn.bob.id, 1)
    turn.commit.confirm(Ticket(2), Confirm(Done()))
    turn.commit.run()
    assert not turn.held
    assert turn.commit.wait(turn.now) == pytest.approx(LINGER)
    turn.submit(3)
    turn.commit.run()
    assert turn.commit.wait(turn.now) is None
    turn.let_go()
    assert set(turn.answered()) == {1, 2, 3}
    turn.commit.read(turn.bob.id, 2)
    turn.commit.run()
    turn.now += 2 * LINGER
    turn.commit.run()
    assert len(turn.held) == 1
    turn.let_go()
    assert turn.marks.read == 2


def test_marks_that_a_request_waits_for_do_not_wait(turn: Turn) -> None:
    turn.holding = True
    turn.commit.read(turn.bob.id, 0)
    assert turn.commit.when_settled(turn.bob.id, lambda: None)
    turn.commit.run()
    assert len(turn.held) == 1


def order_of_answers(turn: Turn, most: int) -> list[int]:
    """Which tickets are answered by each thing that the writer does, one after the other."""
    order: list[int] = []
    for _ in range(most):
        if not turn.held:
            break
        turn.let_go()
        order += turn.answered()
    return order


def test_others_wait_for_what_is_at_the_writer_and_not_for_what_a_heavy_user_has_collected(
    turn: Turn,
) -> None:
    carol = turn.store.create_account(UserName("carol"), "", 1)
    turn.holding = True
    turn.submit(1, heavy=True)
    turn.commit.run()
    for number in range(2, 6):
        turn.submit(number, heavy=True)
    turn.submit(6, sender=carol)
    assert order_of_answers(turn, 9) == [1, 6, 2, 3, 4, 5]


def test_a_heavy_users_turn_comes_however_many_others_write(turn: Turn) -> None:
    carol = turn.store.create_account(UserName("carol"), "", 1)
    turn.holding = True
    turn.submit(1, sender=carol)
    turn.commit.run()
    turn.submit(2, heavy=True)
    for number in range(3, 6):
        turn.submit(number, sender=carol)
        turn.let_go()
    assert list(turn.answered()) == [1, 2, 3, 4]


def test_what_a_user_sent_before_becoming_heavy_and_after_keeps_its_order(turn: Turn) -> None:
    carol = turn.store.create_account(UserName("carol"), "", 1)
    turn.holding = True
    turn.submit(1, sender=carol)
    turn.commit.run()
    turn.submit(2, sender=carol)  # beside what is at the writer: the heavy ones' turn is next
    turn.submit(3, sender=carol, heavy=True)
    turn.submit(4, sender=carol)
    turn.submit(5)
    answered = order_of_answers(turn, 9)
    assert [each for each in answered if each < 5] == [1, 2, 3, 4]
    seqs = [item.id[-1] for item in turn.store.inbox_after(turn.bob.id, 0, 10, 1 << 20)]
    assert [each for each in seqs if each < 5] == [1, 2, 3, 4]


def test_who_waits_for_what_is_on_its_way_waits_for_all_of_it(turn: Turn) -> None:
    settled: list[str] = []
    turn.holding = True
    turn.submit(1)
    turn.commit.run()
    turn.submit(2)
    turn.submit(3, heavy=True)
    assert turn.commit.when_settled(turn.alice.id, lambda: settled.append("all"))
    assert not turn.commit.when_settled(turn.bob.id, lambda: settled.append("bob"))
    while turn.held:
        assert settled == []
        turn.let_go()
    assert settled == ["all"]


def test_people_talk_when_a_message_was_stored_and_not_when_a_file_was(turn: Turn) -> None:
    new = message(turn.alice, turn.bob, b"f" * 16, (turn.bob.name,), "a note")
    turn.commit.submit(Ticket(1), Submit([replace(new, kind=Kind.FILE)]))
    turn.run()
    assert turn.link.talked_at == float("-inf")
    turn.submit(2)
    turn.run()
    assert turn.link.talked_at == turn.now


def test_while_many_groups_wait_to_be_published_no_more_are_written(turn: Turn) -> None:
    for number in range(BEHIND + 3):
        turn.submit(number + 1)
        turn.run()
    assert len(turn.publisher) == BEHIND + 1
    assert turn.marks.head == BEHIND + 1
    turn.publisher.last(100.0)
    turn.run()
    assert turn.marks.head == BEHIND + 3


def test_a_heavy_users_next_group_waits_for_the_deliveries_of_the_one_before(turn: Turn) -> None:
    for number in range(HEAVY_BEHIND + 3):
        turn.submit(number + 1, heavy=True)
        turn.run()
    assert turn.marks.head == HEAVY_BEHIND + 1
    turn.publisher.last(100.0)
    turn.run()
    assert turn.marks.head == HEAVY_BEHIND + 3


def test_a_sender_whose_message_waits_among_the_heavy_ones_meets_their_bound(turn: Turn) -> None:
    turn.submit(1, "x" * 10 * BYTES_OF_ROW, heavy=True)
    assert turn.commit.rows_beside(turn.alice.id, heavy=False) == 12
    assert turn.commit.rows_beside(turn.bob.id, heavy=False) == 0
    assert turn.commit.rows_beside(turn.bob.id, heavy=True) == 12


def test_a_heavy_users_group_has_no_more_rows_than_it_may_but_for_a_single_message(turn: Turn) -> None:
    wide = "x" * (HEAVY_ROWS - 10) * BYTES_OF_ROW
    turn.holding = True
    turn.submit(1, heavy=True)
    turn.commit.run()
    turn.submit(2, wide, heavy=True)
    turn.submit(3, wide, heavy=True)
    turn.submit(4, heavy=True)
    turn.submit(5, wide, heavy=True)
    answered = []
    while turn.held:
        turn.let_go()
        answered.append([*turn.answered()])
        turn.publisher.last(1.0)
        turn.commit.run()
    assert answered == [[1], [2], [3, 4], [5]]
