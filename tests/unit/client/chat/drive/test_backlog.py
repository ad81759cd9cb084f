"""What is not shown at the start stays unread until it was read by other means."""

from cnmessage_client.chat.drive.backlog import Backlog


def test_a_mark_rises_freely_when_all_was_shown() -> None:
    backlog = Backlog()
    assert not backlog.held
    assert backlog.markable(5) == 5
    assert backlog.read(3) is None


def test_a_mark_waits_for_what_was_left_out() -> None:
    backlog = Backlog()
    backlog._below = 100
    assert backlog.held
    assert backlog.markable(120) is None
    assert backlog.markable(110) is None
    assert backlog.read(99) is None
    assert backlog.held
    assert backlog.read(100) == 120
    assert backlog.markable(121) == 121


def test_nothing_is_marked_when_nothing_was_shown_meanwhile() -> None:
    backlog = Backlog()
    backlog._below = 100
    assert backlog.read(100) is None
    assert not backlog.held
