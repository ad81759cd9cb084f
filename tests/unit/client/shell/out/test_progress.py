"""How far files have come, in each of the forms a run may have."""

import json
import re
from collections.abc import Iterator

import pytest

from cnmessage_client.model import Phase, TransferProgress
from cnmessage_client.shell.oneshot import OneShot, ProcessSurface
from cnmessage_client.shell.out.progress import Bars, Events, Lines, Nothing
from cnmessage_client.shell.out.render import Renderer
from cnmessage_protocol.errors import CnMessageError, ErrorCode

SIZE = 100 << 20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Clock:
    """Goes on by a fixed step at each look."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 100.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def _at(phase: Phase, done: int = 0, name: str = "a.txt", started_at: int = 0) -> TransferProgress:
    return TransferProgress(name, None, phase, done, SIZE, started_at)


def _whole(started_at: int = 0) -> Iterator[TransferProgress]:
    yield _at("waiting")
    for per_cent in range(100 * started_at // SIZE, 101):
        yield _at("sending", SIZE * per_cent // 100, started_at=started_at)
    yield _at("verifying", SIZE, started_at=started_at)
    yield _at("done", SIZE, started_at=started_at)


def test_events_are_json_lines_at_most_five_a_second_a_file_but_each_phase_has_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = Events(Renderer(ProcessSurface(), as_json=True, quiet=False), Clock(0.05))
    for progress in _whole():
        view.moved("x", progress)
    shown = capsys.readouterr()
    events = [json.loads(line)["progress"] for line in shown.out.splitlines()]
    assert events[0] == {"name": "a.txt", "phase": "waiting", "done": 0, "size": SIZE}
    assert [each["phase"] for each in events if each["phase"] != "sending"] == [
        "waiting",
        "verifying",
        "done",
    ]
    assert 20 <= len(events) <= 104 * 0.05 / 0.2 + 4
    assert shown.err == ""


def test_lines_are_few_and_say_begin_tenths_and_verifying(capsys: pytest.CaptureFixture[str]) -> None:
    view = Lines(Renderer(ProcessSurface(), as_json=False, quiet=False), "sending", Clock(10.0))
    for progress in _whole(started_at=SIZE // 2):
        view.moved("x", progress)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "sending a.txt, 100.0 MiB, going on from 50.0 MiB",
        *(f"a.txt: {tenth} %" for tenth in range(60, 101, 10)),
        "verifying a.txt",
    ]


def test_a_quick_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    view = Lines(Renderer(ProcessSurface(), as_json=False, quiet=False), "sending", Clock(0.001))
    for progress in _whole():
        view.moved("x", progress)
    assert capsys.readouterr().err == "sending a.txt, 100.0 MiB\n"


@pytest.mark.parametrize("form", ["lines", "bars"])
def test_a_hostile_name_does_no_harm(capsys: pytest.CaptureFixture[str], form: str) -> None:
    renderer = Renderer(ProcessSurface(), as_json=False, quiet=False)
    view = Lines(renderer, "receiving") if form == "lines" else Bars(renderer, 1)
    with view:
        view.moved("x", _at("receiving", name="\x1b]0;t\x07[red]a\u202e[/red]\n\r.txt"))
    shown = _ESCAPES.sub("", capsys.readouterr().err)
    assert "[red]a[/red]" in shown
    assert not set(shown) & set("\x1b\x07\u202e")


def test_bars_show_each_file_its_phase_and_where_it_went_on_and_the_sum_of_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Bars(Renderer(ProcessSurface(), as_json=False, quiet=False), 2) as view:
        for progress in _whole(started_at=SIZE // 4):
            view.moved("1", progress)
        view.moved("2", _at("sending", SIZE // 2, "b.txt", SIZE // 4))
    lines = capsys.readouterr().err.splitlines()
    text = "\n".join(lines)
    assert re.search(r"total .*1 of 2", text)
    assert re.search(r"a\.txt .*100\.0/100\.0 MiB.*done", text)
    assert re.search(r"b\.txt .*50\.0/100\.0 MiB.*sending", text)
    assert "a.txt, going on from 25.0 MiB" in lines
    assert [line.split()[0] for line in lines[-3:]] == ["total", "a.txt", "b.txt"]
    assert max(map(len, lines)) <= 80


def test_what_was_stopped_is_not_said_to_have_failed(capsys: pytest.CaptureFixture[str]) -> None:
    ends = {ErrorCode.INTERRUPTED: "stopped", ErrorCode.EXISTS: "exists", ErrorCode.QUOTA: "failed"}
    for code, said in ends.items():
        with Bars(Renderer(ProcessSurface(), as_json=False, quiet=False), 1) as view:
            view.moved("x", TransferProgress("a", None, "failed", 1, 2, 0, CnMessageError(code, "no")))
        assert said in capsys.readouterr().err


def test_a_file_all_of_which_is_here_is_not_said_to_be_received(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = Lines(Renderer(ProcessSurface(), as_json=False, quiet=False), "receiving")
    view.moved("x", _at("verifying", 0, started_at=SIZE))
    view.moved("x", _at("verifying", SIZE, started_at=SIZE))
    assert capsys.readouterr().err == "verifying a.txt, 100.0 MiB\n"
    view.moved("y", _at("verifying", SIZE, started_at=SIZE // 4))  # so quick that it was not seen before
    assert capsys.readouterr().err == "receiving a.txt, 100.0 MiB, going on from 25.0 MiB\n"


def test_one_file_has_no_sum_and_of_many_only_those_that_move_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for count, shown in ((1, ("a0",)), (20, ("total", "a19"))):
        with Bars(Renderer(ProcessSurface(), as_json=False, quiet=False), count) as view:
            for number in range(count):
                view.moved(str(number), _at("waiting", name=f"a{number}"))
            view.moved(str(count - 1), _at("sending", 1, name=f"a{count - 1}"))
        lines = capsys.readouterr().err.splitlines()
        assert tuple(line.split()[0] for line in lines if line.strip()) == shown


def test_the_form_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def form(*, as_json: bool = False, quiet: bool = False) -> type:
        host = OneShot()
        renderer = Renderer(host.surface, as_json=as_json, quiet=quiet)
        return type(host.view(renderer, "sending", 1))

    for terminal, term, plain in ((False, "xterm", Lines), (True, "dumb", Lines), (True, "xterm", Bars)):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        monkeypatch.setenv("TERM", term)
        assert form() is plain
        assert form(as_json=True) is form(as_json=True, quiet=True) is Events
        assert form(quiet=True) is Nothing
