"""Threads that step back behind the rest of the broker, so that moving files never makes a message wait.

On Linux a niceness belongs to a thread, and threads that it starts, libzmq's among them, inherit it.
Elsewhere nothing changes.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Made = TypeVar("Made")

_NICENESS = 10


def step_back() -> None:
    """Let others of this machine go first, from now on, in this thread; there is no way back."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def made_in_background(make: Callable[[], Made]) -> Made:
    """What `make` gives on a thread that has stepped back: threads it starts have, too."""
    result: Future[Made] = Future()

    def run() -> None:
        step_back()
        try:
            result.set_result(make())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller
            result.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result.result()
