"""A wide SEND in slices: each message in one of them, one answer, and nothing after a refusal."""

import os

from cnmessage_broker.net.link import Link
from cnmessage_broker.scheduling.asker import Origin
from cnmessage_broker.scheduling.slices import SLICE, Slices
from cnmessage_protocol.conversation import Everyone
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import ClientId, uuid7
from cnmessage_protocol.records import NewMessage
from cnmessage_protocol.requests import Send
from cnmessage_protocol.results import Sent

FULL = RequestError(ErrorCode.STORAGE, "the broker's disk is full")


def a_send(count: int) -> Slices:
    messages = tuple(
        NewMessage(ClientId(uuid7(number, os.urandom(10))), (Everyone(),), f"body {number}")
        for number in range(count)
    )
    return Slices(Origin(Link(("", 0), 0.0), 1), "", b"", messages)


def acked(send: Send) -> Sent:
    return Sent(tuple((each.client_id, b"i" * 16, 1, 2) for each in send.messages))


def test_slices_hold_as_many_rows_as_they_may_and_every_message_once() -> None:
    slices = a_send(12)
    seen: list[NewMessage] = []
    while slices.waiting:
        part = slices.next(lambda _: SLICE // 5)
        assert len(part.messages) <= 5
        seen += part.messages
        assert slices.outcome is None
        slices.stored(acked(part))
    assert tuple(seen) == slices.messages
    answer = slices.outcome
    assert isinstance(answer, Sent)
    assert [each[0] for each in answer.acks] == [each.client_id for each in slices.messages]


def test_a_message_wider_than_a_slice_is_a_slice() -> None:
    slices = a_send(3)
    assert [len(slices.next(lambda _: SLICE * 4).messages) for _ in range(3)] == [1, 1, 1]
    assert not slices.waiting


def test_the_answer_waits_for_all_slices_that_are_on_their_way() -> None:
    slices = a_send(2)
    first, second = (slices.next(lambda _: SLICE) for _ in range(2))
    slices.stored(acked(first))
    assert slices.outcome is None
    slices.stored(acked(second))
    assert isinstance(slices.outcome, Sent)


def test_after_a_refusal_the_rest_is_refused_with_it_and_what_is_stored_stays_acknowledged() -> None:
    slices = a_send(4)
    slices.stored(acked(slices.next(lambda _: SLICE)))
    slices.next(lambda _: SLICE)
    slices.refused(FULL)
    assert not slices.waiting
    answer = slices.outcome
    assert isinstance(answer, Sent)
    assert [each[0] for each in answer.acks] == [slices.messages[0].client_id]
    assert answer.refused == tuple((each.client_id, "storage", FULL.message) for each in slices.messages[1:])


def test_a_refusal_at_once_is_the_whole_requests() -> None:
    slices = a_send(3)
    slices.next(lambda _: SLICE)
    slices.refused(FULL)
    assert slices.outcome is FULL


def test_a_slice_that_is_still_on_its_way_when_the_next_is_refused_keeps_its_acks() -> None:
    slices = a_send(2)
    first = slices.next(lambda _: SLICE)
    slices.next(lambda _: SLICE)
    slices.refused(FULL)
    early = slices.outcome
    slices.stored(acked(first))
    answer = slices.outcome
    assert early is None
    assert isinstance(answer, Sent)
    assert [len(answer.acks), len(answer.refused)] == [1, 1]


def test_after_a_refusal_nothing_waits_any_more() -> None:
    slices = a_send(3)
    slices.next(lambda _: SLICE)
    assert slices.waiting
    slices.refused(FULL)
    assert not slices.waiting
