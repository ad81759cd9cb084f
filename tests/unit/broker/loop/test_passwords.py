"""Passwords: OWASP's argon2id, the same work for unknown users, a pool with a bound."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import argon2
import pytest

from cnmessage_broker.jobs import JobDone
from cnmessage_broker.loop.passwords import OWASP, PasswordPool, PoolFullError
from tests.support.patience import PATIENCE

SECRET = "correct horse ✓"


def test_a_hash_is_argon2id_of_owasps_profile_with_a_salt_of_its_own() -> None:
    first, second = OWASP.hash(SECRET), OWASP.hash(SECRET)
    for each in (first, second):
        found = argon2.extract_parameters(each)
        assert found.type is argon2.Type.ID
        assert (found.memory_cost, found.time_cost, found.parallelism) == (19 * 1024, 2, 1)
        assert found.salt_len >= 16
        assert SECRET not in each
    assert first != second


def test_only_the_right_password_fits() -> None:
    stored = OWASP.hash(SECRET)
    assert OWASP.verify(stored, SECRET) is True
    assert OWASP.verify(stored, SECRET + " ") is False
    assert OWASP.verify(stored, "") is False


def test_an_account_that_is_not_there_costs_the_same_work_and_never_fits() -> None:
    # The dummy has the profile of real hashes, so the time tells nothing about who exists.
    assert argon2.extract_parameters(OWASP.dummy) == argon2.extract_parameters(OWASP.hash("x"))
    assert OWASP.verify(None, SECRET) is False
    assert OWASP.verify(None, "no account has this password") is False


def test_a_damaged_hash_fits_nothing() -> None:
    assert OWASP.verify("not a hash", SECRET) is False


def test_the_pool_takes_its_bound_and_refuses_more_until_one_is_done() -> None:
    pool = PasswordPool(workers=1, queue=2)
    gate = threading.Event()
    finished: list[Any] = []
    all_done = threading.Semaphore(0)

    def done(came: JobDone) -> None:
        finished.append(came.result)
        all_done.release()

    pool.submit(lambda: gate.wait(PATIENCE) and "first", done)
    pool.submit(lambda: "second", done)
    with pytest.raises(PoolFullError):
        pool.submit(lambda: "third", done)
    gate.set()
    assert all_done.acquire(timeout=PATIENCE)
    assert all_done.acquire(timeout=PATIENCE)
    pool.submit(lambda: "fourth", done)
    assert all_done.acquire(timeout=PATIENCE)
    assert finished == ["first", "second", "fourth"]
    pool.close()


def test_a_job_that_fails_gives_its_place_back() -> None:
    pool = PasswordPool(workers=1, queue=1)
    for _ in range(3):
        ended = threading.Event()
        errors: list[Exception | None] = []

        def done(
            came: JobDone, ended: threading.Event = ended, errors: list[Exception | None] = errors
        ) -> None:
            errors.append(came.error)
            ended.set()

        pool.submit(lambda: 1 // 0, done)
        assert ended.wait(PATIENCE)
        assert isinstance(errors[0], ZeroDivisionError)
    pool.close()


def test_closing_drops_what_waits_and_finishes_what_runs() -> None:
    pool = PasswordPool(workers=1, queue=9)
    started, gate = threading.Event(), threading.Event()
    ended: list[str] = []

    def run() -> str:
        started.set()
        gate.wait(PATIENCE)
        return "ran"

    pool.submit(run, lambda came: ended.append(came.result))
    assert started.wait(PATIENCE)
    pool.submit(lambda: "never", lambda came: ended.append(came.result))
    closing = threading.Thread(target=pool.close)
    closing.start()
    closed = False
    while not closed:  # from then on what waits is dropped
        try:
            pool.submit(lambda: "never", lambda came: ended.append(came.result))
        except PoolFullError:
            continue
        except RuntimeError:
            closed = True
    gate.set()
    closing.join(PATIENCE)
    assert ended == ["ran"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a niceness belongs to the process")
def test_hashing_steps_back_behind_the_loop() -> None:
    pool, found = PasswordPool(1, 1), Future[int]()
    pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), found_in(found))
    assert found.result(PATIENCE) >= max(10, os.getpriority(os.PRIO_PROCESS, 0))
    pool.close()


def found_in(outcome: "Future[int]") -> Callable[[JobDone], None]:
    """Hands on what the job gave."""
    return lambda came: outcome.set_result(came.result)
