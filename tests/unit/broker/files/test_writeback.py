"""Bytes leave for the disk in pieces, each once, wherever the system has a word for that."""

import os
from pathlib import Path
from types import ModuleType

import pytest

import cnmessage_broker.files.writeback as broker
import cnmessage_client.transfer.writeback as client

# Which bytes the system has written early is nothing that it tells, so what it is asked is looked at.
KINDS = pytest.mark.parametrize("room", [broker, client], ids=["broker", "client"])


@KINDS
def test_each_piece_is_named_once_and_what_was_there_before_is_not(
    room: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, place, size, __: named.append((place, size)))
    writeback = room.Writeback(99, 1000)
    for upto in (1000 + room.PIECE - 1, 1000 + room.PIECE, 1000 + room.PIECE + 1, 1000 + 2 * room.PIECE):
        writeback.written(upto)
    assert named == [(1000, room.PIECE), (1000 + room.PIECE, room.PIECE)]


@KINDS
def test_what_left_early_is_whole(room: ModuleType, tmp_path: Path) -> None:
    body = os.urandom(1 << 20) * (room.PIECE >> 19)
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    writeback = room.Writeback(descriptor, 0)
    for place in range(0, len(body), 1 << 20):
        os.pwrite(descriptor, body[place : place + (1 << 20)], place)
        writeback.written(place + (1 << 20))
    os.close(descriptor)
    assert path.read_bytes() == body


@KINDS
def test_a_system_without_the_word_does_without(room: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fadvise")
    room.Writeback(99, 0).written(5 * room.PIECE)


def test_what_is_left_to_the_system_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, place, size, __: named.append((place, size)))
    writeback = broker.Writeback(99, 0)
    writeback.left_to_the_system(5 * broker.PIECE)
    writeback.written(6 * broker.PIECE)
    assert named == [(5 * broker.PIECE, broker.PIECE)]
