"""What this version cannot show, in the chat: a line where it came, nothing that waits, the mark goes on."""

from datetime import timedelta

from cnmessage_client.chat.talk.effects import LoadEarlier, MarkRead, Received
from cnmessage_client.chat.talk.entries import Preview, Pushed, Said
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.model import Unknown
from cnmessage_protocol.machines.states import State
from tests.unit.client.chat.talk.talking import NOON, at_bob, new_talk, received, unread


def strange(seq: int) -> Unknown:
    """An entry of a kind to come."""
    return Unknown(f"id-{seq}", seq, "9", NOON + timedelta(seconds=seq), received=True)


def seqs(talk: Talk) -> list[tuple[int | None, bool]]:
    """The messages of the open view, and which cannot be shown."""
    return [(each.seq, each.unknown) for each in talk.entries if isinstance(each, Said)]


def test_at_home_it_stands_among_the_messages_and_is_read() -> None:
    talk = new_talk()
    effects = [*talk.came(received(1), 0.0), *talk.came(strange(2), 0.0), *talk.came(received(3), 0.0)]
    assert seqs(talk) == [(1, False), (2, True), (3, False)]
    assert [each.seq for each in effects if isinstance(each, MarkRead)] == [1, 2, 3]


def test_in_a_conversation_a_line_tells_of_it_and_it_neither_waits_nor_rings() -> None:
    talk = at_bob(received(1))
    effects = talk.came(strange(2), 0.0)
    assert any(isinstance(each, Preview) and each.said.unknown for each in talk.entries)
    assert MarkRead(2) in effects
    assert not any(isinstance(each, Received) for each in effects)
    assert unread(talk) == {}


def test_while_the_connection_comes_back_it_waits_for_its_turn_and_is_counted() -> None:
    talk = new_talk()
    talk.moved(State.WAITING, 1.0, 0.0)
    talk.moved(State.CATCHING_UP, 0.0, 2.0)
    for entry in (received(1), strange(2), received(3)):
        assert talk.came(entry, 2.0) == []
    talk.moved(State.LIVE, 0.0, 3.0)
    assert seqs(talk) == [(1, False), (2, True), (3, False)]
    assert any("3 missed" in getattr(each, "text", "") for each in talk.entries)


def test_earlier_pages_go_on_below_it() -> None:
    talk = new_talk()
    talk.came(received(60), 0.0)
    talk.more(0.0)
    talk.earlier(None, [strange(seq) for seq in range(10, 60)], 0.0)
    assert seqs(talk)[:2] == [(10, True), (11, True)]
    assert talk.more(1.0) == [LoadEarlier(None, 10, 50)]


def test_a_delivery_of_a_kind_to_come_is_a_line_of_its_own() -> None:
    talk = new_talk()
    talk.pushed("typing")
    assert talk.entries[-1] == Pushed("typing")
