"""Threads that step back or forward, so that neither files nor others' programs make a message wait.

On Linux a niceness belongs to a thread, and threads that it starts, libzmq's among them, inherit it.
Elsewhere nothing changes. Called by the file thread, by app.py, which makes the file sockets, and by cli.py.
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
_AHEAD = -5


def step_back() -> None:
    """Let others of this machine go first, from now on, in this thread; there is no way back."""
    _set(_NICENESS)


def step_forward() -> None:
    """Go before ordinary programs of this machine, in this thread and those it starts, if we may (as root we
    do).

    Who floods the broker from the same machine burns its processors, too; messages need little of them, but
    soon.
    """
    _set(_AHEAD)


def step_aside() -> None:
    """Be one program among others, in a thread that was started by one that had stepped forward."""
    _set(0)


def _set(niceness: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


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
