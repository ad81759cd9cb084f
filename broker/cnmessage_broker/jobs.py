"""Jobs on threads of their own: what became of one, and how long it took.

Knows neither who waits for a job nor what it is about.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class JobDone:
    """The result of a job, or what it raised; `seconds` are those that it ran."""

    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0


def run(job: Callable[[], Any]) -> JobDone:
    """Do it here and now."""
    began = time.monotonic()
    try:
        result = job()
    except Exception as error:  # noqa: BLE001 - raised again where the result is waited for
        return JobDone(error=error, seconds=time.monotonic() - began)
    return JobDone(result, seconds=time.monotonic() - began)


def submit(executor: Executor, job: Callable[[], Any], done: Callable[[JobDone], None]) -> None:
    """Have it done by a thread, on which `done` is called then; not if it was dropped before it ran."""

    def finish(future: "Future[JobDone]") -> None:
        if not future.cancelled():
            done(future.result())

    executor.submit(run, job).add_done_callback(finish)
