"""What the client hands to applications: text ids, real times, the documented JSON."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.model import Device, Message, User, entry_of, from_millis, json_time, to_millis
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Direction, InboxItem, Kind


def _item(direction: Direction, kind: Kind, client_id: ClientId | None) -> InboxItem:
    sender, to = UserName("alice"), (UserName("bob"),)
    return InboxItem(
        3, direction, MessageId(bytes(15) + b"\x01"), kind, sender, to, 1_772_357_400_005, "hi", client_id
    )


def test_a_received_message_is_the_documented_object() -> None:
    message = entry_of(_item(Direction.RECEIVED, Kind.DIRECT, None))
    assert isinstance(message, Message)
    assert message.received
    assert message.client_id is None
    assert message.as_json() == {
        "id": "00000000-0000-0000-0000-000000000001",
        "seq": 3,
        "kind": "direct",
        "from": "alice",
        "to": ["bob"],
        "time": "2026-03-01T09:30:00.005Z",
        "body": "hi",
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_an_own_copy_tells_its_client_id_and_every_kind_has_its_word(kind: Kind) -> None:
    message = entry_of(_item(Direction.SENT, kind, ClientId(bytes(16))))
    assert isinstance(message, Message)
    assert not message.received
    assert message.client_id == str(UUID(int=0))
    assert message.kind in {"direct", "broadcast", "file"}


# Up to the year 2200, densest where messages are.
@given(st.integers(0, 7_258_118_400_000) | st.integers(1_700_000_000_000, 1_900_000_000_000))
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    assert to_millis(from_millis(milliseconds)) == milliseconds
    assert to_millis(datetime.fromisoformat(json_time(from_millis(milliseconds)))) == milliseconds


def test_times_in_json_are_utc_whatever_zone_they_came_in() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert json_time(datetime(2026, 3, 1, 15, 0, tzinfo=zone)) == "2026-03-01T09:30:00.000Z"


def test_users_and_sessions_are_plain_objects() -> None:
    time = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert User("bob", online=False, last_seen=None).as_json() == {
        "name": "bob",
        "online": False,
        "last_seen": None,
    }
    session = Device(1, "phone", time, time, online=True, current=False).as_json()
    assert session["created"] == session["last_seen"] == "2026-03-01T09:30:00.000Z"
    assert set(session) == {"id", "label", "created", "last_seen", "online", "current"}
