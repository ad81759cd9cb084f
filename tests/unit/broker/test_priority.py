"""How threads stand with the processor: short slices are asked for and inherited, who steps back has none."""

import ctypes
import os
import platform
import re
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cnmessage_broker import priority
from tests.support.harness import BrokerProcess

Given = TypeVar("Given")
SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}.get(platform.machine())
SIZE = 56
"""Bytes of struct sched_attr; the slice is the eight at the 24th."""


def release() -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", platform.release())[:2])


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or SCHED_GETATTR is None or release() < (6, 12),
    reason="this system has no slices that a thread may ask for (Linux 6.12 has)",
)


def slice_here(thread: int = 0) -> int:
    """Nanoseconds of the slices of a thread, of this one without a number."""
    found = ctypes.create_string_buffer(SIZE)
    assert ctypes.CDLL(None).syscall(SCHED_GETATTR, thread, found, SIZE, 0) == 0
    nanoseconds: int = struct.unpack_from("=Q", found, 24)[0]
    return nanoseconds


def on_a_thread(work: Callable[[], Given]) -> Given:
    """What `work` gives on a thread of its own, so that nothing here is changed for the tests to come."""
    found: list[Given] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_who_is_prompt_has_short_slices_and_so_have_the_threads_it_starts() -> None:
    def work() -> tuple[bool, int, int, int]:
        return priority.be_prompt(), slice_here(), on_a_thread(slice_here), niceness()

    assert on_a_thread(work) == (True, priority.SHORT, priority.SHORT, niceness())


def test_a_broker_is_prompt(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker:
        assert broker.process is not None
        assert slice_here(broker.process.pid) == priority.SHORT


def test_who_steps_back_has_the_slices_that_everybody_has() -> None:
    usual = on_a_thread(slice_here)

    def work() -> tuple[int, int]:
        priority.be_prompt()
        priority.step_back()
        return slice_here(), niceness()

    assert on_a_thread(work) == (usual, 10)
    assert usual > priority.SHORT


def test_what_is_made_in_the_background_starts_its_threads_there() -> None:
    def work() -> tuple[bool, int]:
        priority.be_prompt()
        made = priority.made_in_background(lambda: on_a_thread(niceness))
        return slice_here() == priority.SHORT, made

    assert on_a_thread(work) == (True, 10)
