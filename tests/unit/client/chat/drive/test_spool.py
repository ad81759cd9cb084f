"""A long text on disk: one file for one text and its recipients, for nobody else's eyes, gone afterwards."""

import stat
from pathlib import Path

import pytest

from cnmessage_client.chat.drive import spool
from cnmessage_client.profile import Profile
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from tests.support.harness import home_at
from tests.support.shortage import files_end_at


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return home_at(tmp_path).profile("alice")


def test_the_same_text_again_is_the_same_file_whenever_it_is_sent(profile: Profile) -> None:
    first = spool.write(profile, ("bob",), "message-1.txt", "text")
    again = spool.write(profile, ("bob",), "message-2.txt", "text")
    assert again == first
    assert (again.read_text(), again.stat().st_mtime) == ("text", 0.0)
    assert stat.S_IMODE(again.stat().st_mode) == 0o600
    assert stat.S_IMODE(again.parent.stat().st_mode) == 0o700
    others = [
        spool.write(profile, ("carol",), "message-3.txt", "text"),
        spool.write(profile, ("bob",), "m", "txt"),
    ]
    assert len({first.parent, *(each.parent for each in others)}) == 3
    for path in (first, *others):
        spool.remove(path)
    assert list(first.parent.parent.iterdir()) == []


def test_what_the_disk_does_not_take_leaves_nothing(profile: Profile) -> None:
    with files_end_at(1000), pytest.raises(CnMessageError) as raised:
        spool.write(profile, ("bob",), "message.txt", "text" * 1000)
    assert raised.value.code is ErrorCode.STORAGE
    assert list(profile.outbox.with_name("spool").iterdir()) == []
