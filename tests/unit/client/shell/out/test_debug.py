"""The lines of --debug: their form, where they go, and that the chat tells whose turn each line is."""

import json
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from cnmessage_client.chat.talk.turns import TRANSITIONS, Event, LineTurns, State
from cnmessage_client.shell.out.debug import DebugLog
from cnmessage_client.shell.settings import Settings, common
from cnmessage_protocol.trace import Trail, Transition

NOON = datetime(2025, 1, 31, 12, 3, 7, 123456, tzinfo=UTC)
STEP = Transition("session", "", "attaching", "attached", "joining", "head 7")


def written(*, as_json: bool, step: Transition = STEP) -> str:
    """The one line of a step."""
    out: list[str] = []
    DebugLog(out.append, as_json=as_json, clock=lambda: NOON)(step)
    (line,) = out
    return line


@pytest.mark.parametrize(("state", "event"), TRANSITIONS)
def test_the_chat_tells_every_transition_of_its_turns(state: State, event: Event) -> None:
    trail = Trail(listening=True)
    turns = LineTurns(piped=False, trail=trail)
    turns.state = state
    turns._step(event)
    after = TRANSITIONS[state, event]
    assert [str(each) for each in trail.take()] == [
        f"turns: {state.value} --{event.value}--> {after.value} (0 ahead)"
    ]


def test_what_means_nothing_in_a_state_is_not_told() -> None:
    trail = Trail(listening=True)
    LineTurns(piped=False, trail=trail)._step(Event.RESOLVED)
    assert trail.take() == []


def test_a_line_has_time_machine_states_event_and_cause() -> None:
    line = "debug 12:03:07.123 session: attaching --attached--> joining (head 7)"
    assert written(as_json=False) == line


def test_a_line_never_holds_what_a_terminal_would_obey() -> None:
    told = Transition("session", "", "live", "lost", "waiting", "\x1b[31mred")
    assert "\x1b" not in written(as_json=False, step=told)


def test_for_a_program_it_is_an_object() -> None:
    assert json.loads(written(as_json=True)) == {
        "debug": {
            "time": "2025-01-31T12:03:07.123Z",
            "machine": "session",
            "instance": "",
            "from": "attaching",
            "event": "attached",
            "to": "joining",
            "cause": "head 7",
        }
    }


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    called: list[str] = []

    def broken(line: str) -> None:
        called.append(line)
        raise BrokenPipeError

    DebugLog(broken, as_json=False)(STEP)
    assert len(called) == 1


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("way", ["flag", "variable"])
def test_it_is_asked_for_by_a_flag_anywhere_or_a_variable(place: int, way: str) -> None:
    got: list[Settings] = []

    @click.group()
    @common
    def outer(settings: Settings) -> None:
        del settings

    @outer.command()
    @common
    def act(settings: Settings) -> None:
        got.append(settings)

    words = ["act"]
    if way == "flag":
        words.insert(place, "--debug")
    environment = {"CNMESSAGE_DEBUG": "1"} if way == "variable" else {}
    CliRunner().invoke(outer, words, env=environment, catch_exceptions=False)
    assert [each.debug for each in got] == [True]
    assert got[0].trace is not None


def test_unasked_nobody_listens() -> None:
    assert Settings().trace is None
