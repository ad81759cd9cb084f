"""The outbox file: what was added and not settled is found again, whatever became of its writer."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmessage_client.link.outbox import COMPACT_AT, Outbox, _record
from cnmessage_protocol.conversation import from_wire
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import ClientId, uuid7
from cnmessage_protocol.records import MAX_BODY, NewMessage
from tests.support.shortage import files_end_at


def _message(number: int, body: str = "text") -> NewMessage:
    return NewMessage(
        ClientId(uuid7(number, number.to_bytes(10, "big"))), (from_wire("bob"),), f"{body} {number}"
    )


def _left_behind(folder: Path, *messages: NewMessage) -> Path:
    """A file as a killed client leaves it: written, unlocked."""
    box = Outbox(folder, "alice", "1-dead")
    box.add(messages)
    box.close()
    (path,) = folder.glob("*.outbox")
    return path


def _adopted(folder: Path) -> list[NewMessage]:
    box = Outbox(folder, "alice", "2-alive")
    found = box.adopt()
    box.resolve([message.client_id for message in found])
    box.close()
    return found


def test_what_was_settled_is_not_found_again(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "alice", "1-dead")
    box.add([_message(1), _message(2), _message(3)])
    box.resolve([_message(2).client_id])
    box.resolve([_message(9).client_id])
    box.close()
    assert _adopted(tmp_path) == [_message(1), _message(3)]


def test_a_file_with_nothing_open_is_removed(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "alice", "1-dead")
    box.add([_message(1)])
    box.resolve([_message(1).client_id])
    box.close()
    assert list(tmp_path.iterdir()) == []
    Outbox(tmp_path / "never", "alice", "1-dead").close()
    assert not (tmp_path / "never").exists()


def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    assert _left_behind(tmp_path, _message(1)).stat().st_mode & 0o777 == 0o600


@settings(max_examples=60)
@given(cut=st.integers(0, 400))
def test_a_tail_torn_at_any_byte_loses_at_most_what_was_torn(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    messages = [_message(number) for number in range(4)]
    path = _left_behind(folder, *messages)
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - cut)])
    size = len(data) // 4
    whole = max(0, (len(data) - cut) // size)
    assert _adopted(folder) == messages[:whole]


@settings(max_examples=100)
@given(garbage=st.binary(max_size=60), place=st.integers(0, 300))
def test_damage_anywhere_is_never_an_exception_and_never_another_message(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, place: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    messages = [_message(number) for number in range(4)]
    path = _left_behind(folder, *messages)
    data = bytearray(path.read_bytes())
    data[place : place + len(garbage)] = garbage
    path.write_bytes(data)
    assert {each.client_id for each in _adopted(folder)} <= {each.client_id for each in messages}


def test_a_well_formed_record_that_is_no_message_is_passed_over(tmp_path: Path) -> None:
    path = _left_behind(tmp_path, _message(1))
    odd = _record(b"M", b"\xc0") + _record(b"A", b"short") + _record(b"?", b"later version")
    path.write_bytes(odd + path.read_bytes() + struct.pack(">cII", b"M", 2**32 - 1, 0))
    assert _adopted(tmp_path) == [_message(1)]


def test_the_file_of_a_living_client_is_not_adopted(tmp_path: Path) -> None:
    alive = Outbox(tmp_path, "alice", "1-alive")
    alive.add([_message(1)])
    other = Outbox(tmp_path, "alice", "2-alive")
    assert other.adopt() == []
    alive.close()
    assert other.adopt() == [_message(1)]
    assert other.adopt() == []
    other.resolve([_message(1).client_id])
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_what_was_adopted_is_kept_in_the_own_file_until_it_is_settled(tmp_path: Path) -> None:
    left = _left_behind(tmp_path, _message(1))
    heir = Outbox(tmp_path, "alice", "2-heir")
    assert heir.adopt() == [_message(1)]
    assert not left.exists()
    heir.close()
    assert _adopted(tmp_path) == [_message(1)]


def test_a_user_whose_name_continues_anothers_with_a_dot_is_another_user(tmp_path: Path) -> None:
    other = Outbox(tmp_path, "alice.smith", "1-dead")
    other.add([_message(1)])
    other.close()
    assert _adopted(tmp_path) == []


def test_compaction_keeps_what_is_open_and_the_lock(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "alice", "1-alive")
    box.add([_message(0)])
    for number in range(1, 2 * COMPACT_AT // MAX_BODY):
        box.add([_message(number, "x" * MAX_BODY)])
        box.resolve([_message(number).client_id])
    (path,) = tmp_path.glob("*.outbox")
    assert path.stat().st_size < COMPACT_AT + 2 * MAX_BODY
    other = Outbox(tmp_path, "alice", "2-alive")
    assert other.adopt() == []
    box.add([_message(1)])
    box.close()
    assert other.adopt() == [_message(0), _message(1)]


def test_a_compaction_that_was_killed_halfway_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    path = _left_behind(tmp_path, _message(1), _message(2))
    path.with_suffix(".new").write_bytes(path.read_bytes()[:20])
    assert _adopted(tmp_path) == [_message(1), _message(2)]


def test_a_disk_that_does_not_take_a_message_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CnMessageError) as caught:
        Outbox(tmp_path / "file", "alice", "1").add([_message(1)])
    assert caught.value.code is ErrorCode.STORAGE
    assert "nothing was sent" in caught.value.message


def test_a_message_half_written_when_the_disk_was_full_does_not_hide_the_next(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "alice", "1-dead")
    box.add([_message(1)])
    (path,) = tmp_path.glob("*.outbox")
    with files_end_at(path.stat().st_size + 10), pytest.raises(CnMessageError) as caught:
        box.add([_message(2)])
    assert caught.value.code is ErrorCode.STORAGE
    box.add([_message(3)])
    box.close()
    assert _adopted(tmp_path) == [_message(1), _message(3)]


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "alice", "1")
    with files_end_at(0), pytest.raises(CnMessageError, match="nothing was sent"):
        box.add([_message(1)])
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".new"] == []
    box.add([_message(2)])
    assert [each.name for each in tmp_path.iterdir()] == ["alice@1.outbox"]


def test_a_disk_without_room_for_a_fresh_file_keeps_the_one_there_is(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "alice", "1-dead")
    count = COMPACT_AT // MAX_BODY + 2
    messages = [_message(number, "x" * (MAX_BODY - 10)) for number in range(count)]
    for each in messages:
        box.add([each])
    (tmp_path / "alice@1-dead.new").mkdir()  # nothing can be written beside it
    box.resolve([messages[0].client_id])
    box.close()
    assert _adopted(tmp_path) == messages[1:]
