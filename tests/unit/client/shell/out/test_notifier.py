"""Notifications on an event loop: at once, and what came meanwhile when the pause is over."""

import asyncio
from datetime import UTC, datetime

from cnmessage_client.model import Message
from cnmessage_client.ringing import Notification
from cnmessage_client.shell.out.notifier import Notifier
from tests.support.patience import PATIENCE


def message(number: int) -> Message:
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    return Message("m", number, "direct", "bob", ("alice",), noon, f"text {number}", True, None)


def test_what_came_in_the_pause_is_told_when_it_is_over() -> None:
    async def test() -> list[Notification]:
        told: list[Notification] = []
        both = asyncio.Event()

        def show(notification: Notification) -> None:
            told.append(notification)
            if len(told) == 2:
                both.set()

        notifier = Notifier(show, pause=0.05)
        for number in range(4):
            notifier.came(message(number))
        assert told == [Notification("bob", "text 0")]
        await asyncio.wait_for(both.wait(), PATIENCE)
        return told

    assert asyncio.run(test())[1] == Notification("cnmessage", "3 more from bob")


def test_what_waits_is_told_at_the_end_and_nothing_after_that() -> None:
    async def test() -> list[str]:
        told: list[Notification] = []
        notifier = Notifier(told.append, pause=1e6)
        notifier.came(message(0))
        notifier.came(message(1))
        notifier.flush()
        notifier.came(message(2))
        notifier.close()
        return [each.body for each in told]

    assert asyncio.run(test()) == ["text 0", "text 1"]
