"""Handlers under way: what they wait for, in which order they go on, and what one that fails leaves.

A real store in memory; its threads work when the test lets them.
"""

import threading
from typing import Any

import pytest

from cnmessage_broker.loop.effects import Effect, Reply
from cnmessage_broker.loop.tasks import READS, Task
from cnmessage_broker.loop.waits import OnHasher, OnReader, OnWriter, Settled
from cnmessage_broker.scheduling.asker import Ticket
from cnmessage_protocol.errors import ErrorCode, RequestError
from tests.support.patience import PATIENCE
from tests.unit.broker.loop.conftest import Turn


def start(turn: Turn, number: int, steps: Any, **fields: Any) -> Task:
    """Begin with a handler for whom the ticket of this number waits."""
    task = Task(steps, "test", Ticket(number), **fields)
    turn.tasks.start(task)
    return task


async def reading(result: Any) -> list[Effect]:
    """A handler that reads a page."""
    return [Reply(await OnReader(lambda _: result))]


def pages_of(turn: Turn) -> None:
    """The readers do what they were handed."""
    for _ in range(len(turn.pages)):
        turn.pages.popleft()()


def test_a_handler_that_waits_for_nothing_is_done_at_once(turn: Turn) -> None:
    async def handler() -> list[Effect]:
        await Settled(turn.bob.id)  # there is nothing of his
        return [Reply("done")]

    assert start(turn, 1, handler()).done
    assert turn.answered() == {1: "done"}


def test_each_goes_on_when_what_it_waits_for_has_come_and_not_before(turn: Turn) -> None:
    async def handler(name: str) -> list[Effect]:
        one = await OnReader(lambda reader: len(reader.inbox_after(turn.bob.id, 0, 9, 999)))
        two = await OnWriter(lambda store: store.has_message(turn.bob.id, b"0" * 16))  # type: ignore[arg-type]
        three = await OnHasher(lambda: "hashed")
        return [Reply((name, one, two, three))]

    tasks = [start(turn, number, handler(str(number))) for number in (1, 2)]
    assert turn.answered() == {}
    pages_of(turn)
    turn.tasks.go_on()
    turn.run()
    turn.run()
    turn.tasks.go_on()
    for _ in range(6):  # two pages, two jobs of the writer, two hashes
        assert turn.rung.acquire(timeout=PATIENCE)
    turn.tasks.go_on()
    assert turn.answered() == {1: ("1", 0, False, "hashed"), 2: ("2", 0, False, "hashed")}
    assert all(task.done and task.seconds >= 0 for task in tasks)


def test_who_waits_until_it_is_settled_goes_on_after_the_group(turn: Turn) -> None:
    async def handler() -> list[Effect]:
        await Settled(turn.alice.id)
        return [Reply(turn.marks.head)]

    turn.submit(1)
    start(turn, 2, handler())
    assert 2 not in turn.answered()
    turn.run()
    turn.tasks.go_on()
    assert turn.answered()[2] == 1


def test_those_of_one_line_run_one_after_the_other_and_others_beside_them(turn: Turn) -> None:
    trace: list[str] = []

    async def handler(name: str) -> list[Effect]:
        trace.append(f"{name} begins")
        await OnReader(lambda _: None)
        trace.append(f"{name} ends")
        return []

    for number, name in enumerate(("a", "b", "c")):
        start(turn, number, handler(name), line="files")
    start(turn, 9, handler("other"))
    while turn.pages or turn.tasks:
        pages_of(turn)
        turn.tasks.go_on()
    assert [each for each in trace if "other" not in each] == [
        f"{name} {what}" for name in ("a", "b", "c") for what in ("begins", "ends")
    ]
    assert trace.index("other begins") < trace.index("b begins")


def test_a_line_goes_on_behind_one_that_failed(turn: Turn) -> None:
    async def broken() -> list[Effect]:
        await OnReader(lambda _: 1 // 0)
        return []

    start(turn, 1, broken(), line="files")
    start(turn, 2, reading("fine"), line="files")
    while turn.pages or turn.tasks:
        pages_of(turn)
        turn.tasks.go_on()
    assert turn.answered() == {1: ErrorCode.INTERNAL, 2: "fine"}
    assert not turn.performer.failed


def test_what_a_job_raises_is_raised_in_the_handler(turn: Turn) -> None:
    async def careful() -> list[Effect]:
        try:
            await OnReader(lambda _: 1 // 0)
        except ZeroDivisionError:
            return [Reply("caught")]
        return []

    start(turn, 1, careful())
    pages_of(turn)
    turn.tasks.go_on()
    assert turn.answered() == {1: "caught"}


def test_too_many_passwords_at_once_are_refused_where_they_are_waited_for(turn: Turn) -> None:
    gate = threading.Event()

    async def handler(number: int) -> list[Effect]:
        try:
            await OnHasher(lambda: gate.wait(PATIENCE))
        except RequestError as error:
            return [Reply((number, error.code))]
        return []

    for number in range(3):
        start(turn, number, handler(number))
    assert turn.answered() == {2: (2, ErrorCode.BUSY)}
    gate.set()


def test_few_pages_are_read_at_a_time_and_light_users_come_first(turn: Turn) -> None:
    for number in range(READS + 3):
        start(turn, number, reading("heavy"), rank=(True, float(number)))
    start(turn, 99, reading("light"), rank=(False, 0.0))
    assert len(turn.pages) == READS
    turn.pages.popleft()()
    turn.tasks.go_on()
    assert len(turn.pages) == READS
    turn.pages[-1]()
    turn.tasks.go_on()
    assert [number for number, result in turn.answered().items() if result == "light"] == [99]


def test_who_began_hears_that_it_has_ended_and_how_long_its_jobs_took(turn: Turn) -> None:
    heard: list[float] = []
    task = start(turn, 1, reading("x"))
    task.ended = heard.append
    pages_of(turn)
    turn.tasks.go_on()
    assert heard == [task.seconds]
    assert task.seconds > 0


def test_those_that_did_not_begin_are_dropped_at_the_end(turn: Turn) -> None:
    start(turn, 1, reading("first"), line="files")
    waiting = reading("second")
    start(turn, 2, waiting, line="files")
    turn.tasks.close()
    with pytest.raises(RuntimeError, match="already"):
        waiting.send(None)
