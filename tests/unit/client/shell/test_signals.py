"""Signals that come in the middle of a wait."""

import select
import signal
import threading

from cnmessage_client.shell.signals import woken_by_signals
from tests.support.patience import PATIENCE


def test_a_signal_that_came_before_the_wait_ends_it() -> None:
    """Python runs its handlers between two of its own steps: one that came just before a wait is not lost."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with woken_by_signals() as woken:
            assert not select.select(woken, [], [], 0)[0]
            signal.raise_signal(signal.SIGUSR1)
            assert select.select(woken, [], [], PATIENCE)[0] == woken
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_afterwards_signals_wake_whom_they_woke_before() -> None:
    with woken_by_signals():
        with woken_by_signals():
            pass
        with woken_by_signals() as woken:
            before = signal.signal(signal.SIGUSR1, lambda *_: None)
            signal.raise_signal(signal.SIGUSR1)
            signal.signal(signal.SIGUSR1, before)
            assert select.select(woken, [], [], PATIENCE)[0] == woken
    assert signal.set_wakeup_fd(-1) == -1


def test_another_thread_gets_none() -> None:
    found: list[object] = []

    def ask() -> None:
        with woken_by_signals() as woken:
            found.append(woken)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [[]]
