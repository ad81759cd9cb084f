"""How the broker's threads stand with the processor: prompt, or behind the rest.

Neither other programs nor moving files should make a message wait.

On Linux a niceness and the length of a slice belong to a thread, and threads that it starts, libzmq's among
them, inherit both. Who asks for short slices has no more of the processor than others, but has it sooner
after waking (EEVDF, Linux 6.12 and later). Elsewhere nothing changes.
"""

import contextlib
import ctypes
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Made = TypeVar("Made")

SHORT = 100_000
"""Nanoseconds of a slice, the least that Linux takes."""

_SWITCH_SECONDS = 0.0002
"""How long a thread may have to wait for another of ours that computes, each time it has let go: the loop."""

_USUAL = 0
_NICENESS = 10

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274, "armv7l": 380, "i686": 351}
_SCHED_ATTR = struct.Struct("=IIQiIQQQII")
"""struct sched_attr (sched_setattr(2)): size, policy, flags, nice, priority, then the slice and four more."""


def be_prompt() -> bool:
    """Ask for short slices, from now on, in this thread and those it starts; whether the system took it.

    Threads of this process give way to each other as soon.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    return _ask_for(SHORT, 0)


def step_back() -> None:
    """Let others of this machine go first, from now on, in this thread; there is no way back."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            niceness = max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
    _ask_for(_USUAL, _NICENESS)


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


def _ask_for(nanoseconds: int, niceness: int) -> bool:
    """Slices of this length for this thread; its niceness must be said again, and may only grow."""
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    wanted = _SCHED_ATTR.pack(_SCHED_ATTR.size, os.SCHED_OTHER, 0, niceness, 0, nanoseconds, 0, 0, 0, 0)
    refused: int = ctypes.CDLL(None).syscall(number, 0, ctypes.create_string_buffer(wanted, len(wanted)), 0)
    return refused == 0
