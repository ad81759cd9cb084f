"""Files on their way: one row a file, with rate and time left, and nothing of it afterwards."""

import asyncio
import threading

import pytest

from cnmessage_client.chat.screen.transfers import MOST_LINES, TransferRows
from cnmessage_client.model import Phase, TransferProgress
from tests.support.stage import on_stage

MIB = 1 << 20


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def at(done: int, phase: Phase = "sending", name: str = "thesis.pdf", size: int = 100) -> TransferProgress:
    return TransferProgress(name, None, phase, done * MIB, size * MIB, 0)


def lines(transfers: TransferRows, width: int = 80) -> list[str]:
    return [line.rstrip() for line in transfers.lines(width)]


def test_a_file_shows_how_far_it_is_how_fast_and_for_how_long() -> None:
    clock = Clock()
    transfers = TransferRows(clock, lambda: None)
    with transfers.view("sending") as view:
        assert lines(transfers) == []
        view.moved("x", at(0, "waiting"))
        assert lines(transfers) == [" ↑ thesis.pdf    0 %  waiting"]
        for second in range(4):
            clock.now = float(second)
            view.moved("x", at(10 * second))
        assert lines(transfers) == [" ↑ thesis.pdf   30 %  10.0 MiB/s  0:07"]
        clock.now = 6.0
        assert lines(transfers) == [" ↑ thesis.pdf   30 %  5.0 MiB/s  0:14"]  # it stands still
        view.moved("x", at(100, "verifying"))
        assert lines(transfers) == [" ↑ thesis.pdf  100 %  verifying"]
        view.moved("x", at(100, "done"))
        assert lines(transfers) == []


def test_what_comes_points_down_and_hours_are_told() -> None:
    clock = Clock()
    transfers = TransferRows(clock, lambda: None)
    with transfers.view("receiving") as view:
        view.moved("x", at(0, "receiving", size=100_000))
        clock.now = 1.0
        view.moved("x", at(10, "receiving", size=100_000))
        assert lines(transfers) == [" ↓ thesis.pdf    0 %  10.0 MiB/s  2:46:39"]


def test_of_many_files_the_first_are_shown_and_the_others_counted() -> None:
    transfers = TransferRows(Clock(), lambda: None)
    with transfers.view("sending") as one, transfers.view("receiving") as other:
        for number in range(MOST_LINES):
            one.moved("x" if number == 0 else str(number), at(0, "waiting", f"f{number}"))
        assert len(lines(transfers)) == MOST_LINES
        other.moved("x", at(0, "receiving"))
        shown = lines(transfers)
        assert len(shown) == MOST_LINES
        assert shown[-1] == "   and 2 more"
    assert lines(transfers) == []


def test_an_empty_file_and_a_hostile_name_do_no_harm() -> None:
    transfers = TransferRows(Clock(), lambda: None)
    with transfers.view("sending") as view:
        view.moved("x", at(0, "sending", "\x1b[2J\u202ename\n" + "中" * 100, 0))
        (line,) = transfers.lines(40)
        assert line.startswith(" ↑ [2Jname ")
        assert "100 %" in line
        (line,) = transfers.lines(10)
        assert line.rstrip() == " ↑ [2Jnam…"


def test_news_are_told_ten_times_a_second_and_at_each_phase() -> None:
    clock, told = Clock(), list[float]()
    transfers = TransferRows(clock, lambda: told.append(clock.now))
    with transfers.view("sending") as view:
        for step in range(1000):
            clock.now = step / 1000
            view.moved("x", at(step, size=1000))
        assert 9 <= len(told) <= 11
        view.moved("x", at(1000, "verifying", size=1000))
        view.moved("x", at(1000, "done", size=1000))
        assert len(told) <= 13
    assert told[-1] == clock.now


def test_threads_do_not_disturb_each_other() -> None:
    transfers = TransferRows(Clock(), lambda: None)

    def command(number: int) -> None:
        with transfers.view("sending") as view:
            for step in range(200):
                view.moved("x", at(step, name=f"f{number}", size=200))
                transfers.lines(80)

    threads = [threading.Thread(target=command, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lines(transfers) == []


@pytest.mark.parametrize("width", [80, 120])
def test_on_the_screen_the_rows_stand_above_the_status(width: int) -> None:
    async def test() -> None:
        async with on_stage(columns=width) as stage:
            with stage.screen.view("sending") as view:
                await asyncio.to_thread(view.moved, "x", at(43, "verifying"))
                await stage.shows("thesis.pdf")
                assert [row.strip() for row in stage.terminal.rows[-3:]] == [
                    "↑ thesis.pdf   43 %  verifying",
                    "online · alice · 2 online",
                    "alice>",
                ]
            await stage.hides("thesis.pdf")

    asyncio.run(test())
