"""Work beside the file thread: owners take turns, and a stop drops what has not begun."""

import threading
from concurrent.futures import Future
from functools import partial

import pytest

from cnmessage_broker.files.workers import Workers
from tests.support.patience import PATIENCE


def test_a_heap_of_one_owner_does_not_hold_up_another() -> None:
    workers, gate = Workers(2, "test"), threading.Event()

    def waits() -> None:
        gate.wait(PATIENCE)

    heap = [workers.submit(1, waits) for _ in range(20)]
    done = workers.of(2).submit(lambda: None)
    done.result(PATIENCE)  # while the heap's first is still at work
    assert not any(each.done() for each in heap)
    gate.set()
    for each in heap:
        each.result(PATIENCE)
    workers.shutdown()


def test_an_owners_jobs_run_in_order_and_one_at_a_time() -> None:
    workers, seen = Workers(2, "test"), list[int]()
    futures = [workers.submit(1, partial(seen.append, number)) for number in range(50)]
    futures[-1].result(PATIENCE)
    assert seen == list(range(50))
    workers.shutdown()


def test_a_job_that_fails_tells_whoever_waits_and_the_next_one_runs() -> None:
    def fails() -> None:
        raise OSError("the disk")

    workers = Workers(1, "test")
    failed, after = workers.submit(1, fails), workers.submit(1, lambda: None)
    with pytest.raises(OSError, match="the disk"):
        failed.result(PATIENCE)
    after.result(PATIENCE)
    workers.shutdown()


def test_a_stop_drops_what_has_not_begun_and_waits_for_what_runs() -> None:
    workers, gate, began = Workers(1, "test"), threading.Event(), threading.Event()

    def runs() -> None:
        began.set()
        gate.wait(PATIENCE)

    first = workers.submit(1, runs)
    rest: list[Future[None]] = [workers.submit(number, lambda: None) for number in range(2, 40)]
    assert began.wait(PATIENCE)
    stopping = threading.Thread(target=workers.shutdown)
    stopping.start()
    gate.set()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    assert first.done()
    assert all(each.cancelled() for each in rest)


def test_what_is_cancelled_is_not_done() -> None:
    workers, gate, seen = Workers(1, "test"), threading.Event(), list[str]()

    def waits() -> None:
        gate.wait(PATIENCE)

    workers.submit(1, waits)
    gone = workers.submit(1, lambda: seen.append("gone"))
    last = workers.submit(1, lambda: seen.append("last"))
    assert gone.cancel()
    gate.set()
    last.result(PATIENCE)
    assert seen == ["last"]
    workers.shutdown()
