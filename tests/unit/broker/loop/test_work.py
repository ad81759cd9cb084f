"""Password work: handed to real threads, finished by the loop, refused when there is too much."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cnmessage_broker.loop.effects import Effect, Reply, Work
from cnmessage_broker.loop.passwords import PasswordPool
from cnmessage_broker.loop.work import PasswordWork
from cnmessage_broker.scheduling.asker import Ticket
from cnmessage_protocol.errors import ErrorCode, RequestError


class Loop:
    """Work on one thread that takes two jobs; `rung` is released for each that is done."""

    def __init__(self) -> None:
        self.rung = threading.Semaphore(0)
        self.pool = PasswordPool(workers=1, queue=2)
        self.work = PasswordWork(self.pool, self.rung.release)

    def begin(self, number: int, job: Callable[[], Any]) -> None:
        self.work.begin(Ticket(number), Work(job, _reply))

    def finish(self) -> tuple[int, list[Effect]]:
        """The next that is done: who waits for it, and what follows."""
        assert self.rung.acquire(timeout=10)
        done = self.work.take()
        assert done is not None
        assert isinstance(done.asker, Ticket)
        return done.asker.number, done.step()


def _reply(result: Any) -> list[Effect]:
    return [Reply(result)]


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.pool.close()


def test_a_job_is_finished_by_the_loop_and_for_whom_it_was_begun(loop: Loop) -> None:
    assert loop.work.take() is None
    loop.begin(1, lambda: threading.current_thread().name.partition("_")[0])
    loop.begin(2, lambda: "second")
    assert loop.finish() == (1, [Reply("password")])
    assert loop.finish() == (2, [Reply("second")])
    assert not loop.work
    assert loop.pool.taken == 2


def test_what_a_job_raises_is_raised_where_it_is_finished(loop: Loop) -> None:
    loop.begin(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        loop.finish()


def test_too_many_jobs_are_refused_as_busy_and_not_counted(loop: Loop) -> None:
    gate = threading.Event()
    for number in (1, 2):
        loop.begin(number, lambda: gate.wait(10))
    with pytest.raises(RequestError) as refused:
        loop.begin(3, lambda: None)
    gate.set()
    assert refused.value.code is ErrorCode.BUSY
    assert loop.pool.taken == 2
    assert [loop.finish()[0], loop.finish()[0]] == [1, 2]


def test_a_job_that_was_dropped_at_the_end_is_nobodys(loop: Loop) -> None:
    gate = threading.Event()
    loop.begin(1, lambda: gate.wait(10))
    loop.begin(2, lambda: None)
    closing = threading.Thread(target=loop.pool.close)
    closing.start()
    assert loop.rung.acquire(timeout=10)  # the second was cancelled
    assert loop.work.take() is None
    gate.set()
    closing.join(10)
