"""How loud a chat is: the level that is kept with the profile, and what the focus of the terminal means."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cnmessage_client import Home
from cnmessage_client.chat.drive.loudness import Loudness
from cnmessage_client.chat.talk.effects import Received
from cnmessage_client.model import Message
from cnmessage_client.profile import Profile
from cnmessage_client.ringing import Notification, NotifyLevel
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from tests.support.shortage import files_end_at


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Home(tmp_path, tmp_path / "state").profile("alice")


def message(body: str = "hi", kind: str = "direct") -> Message:
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    return Message("m", 1, kind, "bob", ("alice",), noon, body, True, None)  # type: ignore[arg-type]


def level_of(profile: Profile) -> NotifyLevel:
    async def load() -> NotifyLevel:
        loudness = Loudness(profile, print)
        loudness.load()
        return loudness.level

    return asyncio.run(load())


def change(profile: Profile, level: NotifyLevel) -> None:
    async def run() -> None:
        Loudness(profile, print).change(level)

    asyncio.run(run())


@pytest.mark.parametrize("level", NotifyLevel)
def test_the_level_is_kept_for_later_chats_in_a_file_of_this_user_alone(
    profile: Profile, level: NotifyLevel
) -> None:
    assert level_of(profile) is NotifyLevel.MENTIONS
    change(profile, level)
    assert level_of(profile) is level
    assert profile.chat_settings.stat().st_mode & 0o777 == 0o600
    profile.remember(broker="127.0.0.1", user="alice")
    assert level_of(profile) is level
    assert level_of(profile.home.profile("bob")) is NotifyLevel.MENTIONS
    profile.remove()
    assert not profile.folder.exists()


@pytest.mark.parametrize(
    "content", [b'notify = "loud"', b"notify = 1", b"notify", b"\xff\xfe", b'notify = ""']
)
def test_a_file_that_says_no_level_is_named_with_what_mends_it(profile: Profile, content: bytes) -> None:
    change(profile, NotifyLevel.NONE)
    profile.chat_settings.write_bytes(content)
    with pytest.raises(CnMessageError, match="correct or remove it") as raised:
        level_of(profile)
    assert raised.value.code is ErrorCode.INTEGRITY
    assert str(profile.chat_settings) in raised.value.message


def test_a_disk_that_keeps_no_level_is_an_error_and_what_was_kept_stays(profile: Profile) -> None:
    change(profile, NotifyLevel.NONE)
    with files_end_at(5), pytest.raises(CnMessageError) as raised:
        change(profile, NotifyLevel.ALL)
    assert raised.value.code is ErrorCode.STORAGE
    assert level_of(profile) is NotifyLevel.NONE


@pytest.mark.parametrize(
    ("focused", "shown", "at_home", "rings"),
    [
        (None, False, False, True),
        (None, True, False, False),
        (None, True, True, True),
        (True, False, False, True),
        (True, True, False, False),
        (True, True, True, False),
        (False, False, False, True),
        (False, True, False, True),
        (False, True, True, True),
    ],
)
def test_what_a_person_looks_at_does_not_ring(
    profile: Profile, *, focused: bool | None, shown: bool, at_home: bool, rings: bool
) -> None:
    async def run() -> list[Notification]:
        told: list[Notification] = []
        loudness = Loudness(profile, told.append)
        if focused is not None:
            loudness.focus(focused)
        loudness.received(Received(message(), shown, at_home), "alice")
        loudness.close()
        return told

    assert len(asyncio.run(run())) == int(rings)
