"""The queue of messages that wait for their acknowledgement."""

import pytest

from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.envelope import MAX_REQUEST, pack_request
from cnmessage_protocol.errors import RETRYABLE, BrokenAnswerError, ErrorCode, RequestError, known_code
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.machines.sendqueue import RETRY_PAUSE, Acked, Refused, SendQueue
from cnmessage_protocol.records import MAX_BODY, NewMessage
from cnmessage_protocol.requests import Send
from cnmessage_protocol.results import MAX_MESSAGES, Sent
from tests.unit.protocol.machines.world import number_id


def message(number: int, body: str = "x", recipients: int = 1) -> NewMessage:
    to = tuple(Direct(UserName(f"user-with-a-name-of-32-bytes-{each:04}")) for each in range(recipients))
    return NewMessage(ClientId(number_id(number)), to, body)


def queue_of(*numbers: int) -> SendQueue:
    queue = SendQueue()
    queue.submit(map(message, numbers))
    return queue


def sent(*acked: int, refused: tuple[tuple[int, str], ...] = ()) -> Sent:
    acks = tuple((number_id(number), number_id(900 + number), number, 1) for number in acked)
    return Sent(acks, tuple((number_id(number), code, "why") for number, code in refused))


def acked(number: int) -> Acked:
    return Acked(ClientId(number_id(number)), MessageId(number_id(900 + number)), number, 1)


def numbers(batch: tuple[NewMessage, ...]) -> list[int]:
    return [int.from_bytes(each.client_id, "big") for each in batch]


def test_what_is_queued_while_one_is_in_flight_is_the_next_batch() -> None:
    queue = queue_of(1)
    assert numbers(queue.next_batch(0.0)) == [1]
    queue.submit([message(2), message(3)])
    assert queue.next_batch(0.0) == ()
    assert queue.answered(0.0, sent(1)) == [acked(1)]
    assert numbers(queue.next_batch(0.0)) == [2, 3]
    assert len(queue) == 2


def test_a_batch_holds_at_most_a_thousand_messages() -> None:
    queue = queue_of(*range(1, MAX_MESSAGES + 2))
    assert len(queue.next_batch(0.0)) == MAX_MESSAGES


@pytest.mark.parametrize(("body", "recipients"), [("€" * (MAX_BODY // 3), 1), ("x", 256), ("é" * 999, 100)])
def test_the_fullest_batch_fits_a_frame(body: str, recipients: int) -> None:
    queue = SendQueue()
    queue.submit(message(number, body, recipients) for number in range(MAX_MESSAGES))
    batch = queue.next_batch(0.0)
    assert len(batch) > 1
    assert len(pack_request(1, Send(batch))) < MAX_REQUEST


def test_what_the_answer_does_not_name_is_sent_again_in_order_after_a_pause() -> None:
    queue = queue_of(1, 2, 3, 4)
    queue.next_batch(0.0)
    assert queue.answered(5.0, sent(1, 2)) == [acked(1), acked(2)]
    queue.submit([message(5)])
    assert queue.next_batch(5.0 + RETRY_PAUSE - 0.001) == ()
    assert queue.deadline == 5.0 + RETRY_PAUSE
    assert numbers(queue.next_batch(5.0 + RETRY_PAUSE)) == [3, 4, 5]


def test_an_acknowledgement_nobody_waits_for_is_ignored() -> None:
    queue = queue_of(1)
    queue.next_batch(0.0)
    assert queue.answered(0.0, sent(1, 1, 7, refused=((1, "conflict"), (8, "conflict")))) == [acked(1)]
    assert queue.answered(0.0, sent(1)) == []


@pytest.mark.parametrize("code", [*ErrorCode, "of a later version"])
def test_a_refusal_settles_unless_it_is_for_the_moment(code: str) -> None:
    queue = queue_of(1, 2)
    queue.next_batch(0.0)
    outcomes = queue.answered(0.0, sent(1, refused=((2, str(code)),)))
    assert outcomes[0] == acked(1)
    if known_code(code) in RETRYABLE:
        assert len(outcomes) == len(queue) == 1
    else:
        assert isinstance(outcomes[1], Refused)
        assert len(queue) == 0


@pytest.mark.parametrize("code", ErrorCode)
def test_a_batch_refused_as_a_whole_is_repeated_or_settled(code: ErrorCode) -> None:
    queue = queue_of(1, 2)
    queue.next_batch(0.0)
    outcomes = queue.failed(3.0, RequestError(code, "why"))
    if code in RETRYABLE:
        assert outcomes == []
        assert numbers(queue.next_batch(3.0 + RETRY_PAUSE)) == [1, 2]
    else:
        assert [each.client_id for each in outcomes] == [number_id(1), number_id(2)]
        assert len(queue) == 0


def test_after_a_broken_link_the_same_messages_go_first_and_at_once() -> None:
    queue = queue_of(1, 2)
    queue.next_batch(0.0)
    queue.submit([message(3)])
    queue.interrupted()
    assert numbers(queue.next_batch(0.0)) == [1, 2, 3]


def test_a_message_that_never_went_out_can_be_withdrawn_once() -> None:
    queue = queue_of(1, 2, 3)
    assert queue.withdraw(ClientId(number_id(2)))
    assert not queue.withdraw(ClientId(number_id(2)))
    assert numbers(queue.next_batch(0.0)) == [1, 3]
    assert not queue.withdraw(ClientId(number_id(1)))


def test_a_message_that_may_have_gone_out_cannot_be_withdrawn_after_a_broken_link() -> None:
    """The broker may have stored it and only the answer was lost: "not sent" would be a lie."""
    queue = queue_of(1)
    queue.next_batch(0.0)
    queue.interrupted()
    assert not queue.withdraw(ClientId(number_id(1)))
    assert len(queue) == 1


def test_why_a_batch_was_refused_for_the_moment_is_forgotten_with_the_link() -> None:
    queue = queue_of(1)
    queue.next_batch(0.0)
    busy = RequestError(ErrorCode.BUSY, "later")
    queue.failed(0.0, busy)
    assert queue.hindrance is busy
    queue.interrupted()
    assert queue.hindrance is None


def test_an_answer_that_cannot_be_read_leaves_it_open_what_was_stored() -> None:
    queue = queue_of(1)
    queue.next_batch(0.0)
    assert queue.failed(0.0, BrokenAnswerError("it is a map of nothing")) == []
    assert queue.hindrance is not None
    assert not queue.withdraw(ClientId(number_id(1)))
    assert numbers(queue.next_batch(RETRY_PAUSE)) == [1]


def test_pauses_grow_until_something_is_stored() -> None:
    queue = queue_of(1, 2)
    now = 0.0
    for pause in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert numbers(queue.next_batch(now)) == [1, 2]
        queue.answered(now, sent())
        assert queue.next_batch(now + pause - 0.001) == ()
        now += pause
    queue.next_batch(now)
    queue.answered(now, sent(1))
    assert numbers(queue.next_batch(now + RETRY_PAUSE)) == [2]
