"""Who gets the next line. That no secret reaches a conversation, a recall list or a file is the table below.

A row: what happens, in order, and what became of each line. `type …` enters a line; `/passwd` is a command
that asks, `/logout` one that all lines wait for, `/users` one that only a pipe waits for.
"""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.chat.talk.turns import (
    TRANSITIONS,
    Answer,
    Decision,
    Event,
    Forget,
    Interrupt,
    Lend,
    LineTurns,
    NoAnswer,
    NoMoreLines,
    Prompt,
    State,
    ToTalk,
    Typing,
)

TALK, QUIET, ANSWER, NOBODY = "talk, recalled", "talk", "answer", "nobody"
"""What becomes of a line; one that is not `recalled` is never brought back by Up."""


class Played:
    """A machine, and what it decided so far. It is told what a driver tells it."""

    def __init__(self, *, piped: bool) -> None:
        self.turns = LineTurns(piped=piped)
        self.piped = piped
        self.fates: dict[str, str] = {}
        self.told: list[str] = []
        self.half = self.talk_asks = self.busy = False
        self.shown: list[Typing] = []

    def play(self, inputs: Iterable[str]) -> None:
        for each in inputs:
            word, _, rest = each.partition(" ")
            getattr(self, f"on_{word.replace('-', '_')}")(*([rest] if rest else []))
            self.go_on()

    def go_on(self) -> None:
        while True:
            if not self.busy:
                self.do(self.turns.resolved())
            decisions = self.turns.take(talk_asks=self.talk_asks)
            if not decisions:
                return
            self.do(decisions)

    def do(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case ToTalk(line, recalled):
                    self.fates[line] = TALK if recalled else QUIET
                    self.begin(line)
                case Answer(line):
                    self.fates[line] = ANSWER
                case NoAnswer(ended):
                    self.told.append("ended" if ended else "interrupted")
                case Forget(dropped):
                    self.half = False
                    self.told += [f"{dropped} dropped"] if dropped else []
                case NoMoreLines(astray):
                    self.told.append("over, astray" if astray else "over")
                case Interrupt():
                    self.told.append("stop")
                case Lend(typing):
                    self.shown.append(typing)

    def begin(self, line: str) -> None:
        """The talk has read a line."""
        word = line.partition(" ")[0]
        self.talk_asks = word in {"exit", "perhaps"}
        self.busy = word in {"/passwd", "/login", "/logout"} or (self.piped and word == "/users")
        if word in {"/passwd", "/login"}:
            self.do(self.turns.will_ask())
        elif word == "/edit":
            self.busy = self.piped
            self.do(self.turns.editor_opened())
        elif word == "/exit":
            self.on_left()

    # -- inputs -----------------------------------------------------------------------------------

    def on_begun(self) -> None:
        self.do(self.turns.begun())

    def on_first_run(self) -> None:
        self.do(self.turns.will_ask())

    def on_type(self, line: str) -> None:
        self.fates[line] = NOBODY
        self.half = False
        self.do(self.turns.entered(line))

    def on_half(self) -> None:
        self.half = True

    def on_ask(self, text: str = "Password: ") -> None:
        self.do(self.turns.asked(Prompt(text, hidden=text == "Password: ")))

    def on_withdrawn(self) -> None:
        self.do(self.turns.withdrawn())

    def on_returned(self) -> None:
        self.do(self.turns.returned(failed=False, half=self.half))

    def on_failed(self) -> None:
        self.do(self.turns.returned(failed=True, half=self.half))

    def on_done(self) -> None:
        self.busy = False

    def on_closed(self, line: str | None = None) -> None:
        if line is not None:
            self.fates[line] = NOBODY
        self.busy = False
        self.do(self.turns.editor_closed(line))

    def on_ctrl_c(self) -> None:
        self.do(self.turns.interrupted(half=self.half, talk_asks=self.talk_asks))

    def on_ctrl_d(self) -> None:
        self.do(self.turns.signed_off(talk_asks=self.talk_asks))

    def on_eof(self) -> None:
        self.do(self.turns.entered(None))

    def on_left(self) -> None:
        self.do(self.turns.left())


S1, S2, S3, S4 = "secret 1", "secret 2", "secret 3", "secret 4"
PASSWD = ["begun", "type /passwd"]
ASKED = ["ask", f"type {S1}", "ask", f"type {S2}"]

SITUATIONS: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    # a person ----------------------------------------------------------------------------------------
    "a message": (["begun", "type hi"], {"hi": TALK}, []),
    "typed before anybody is there": (["type hi", "begun"], {"hi": TALK}, []),
    "question by question": ([*PASSWD, *ASKED, "returned", "done", "type hi"],
        {S1: ANSWER, S2: ANSWER, "hi": TALK}, []),
    "ahead of the question": ([*PASSWD, f"type {S1}", "ask", "returned", "done"], {S1: ANSWER}, []),
    "all keys in one read": (
        [*PASSWD, f"type {S1}", f"type {S2}", f"type {S3}", "ask", "ask", "ask", "returned", "done"],
        {S1: ANSWER, S2: ANSWER, S3: ANSWER}, []),
    "all keys in one read, before anybody is there": (
        ["type /passwd", f"type {S1}", f"type {S2}", "begun", "ask", "ask", "returned", "done"],
        {S1: ANSWER, S2: ANSWER}, []),
    "one line too many": ([*PASSWD, *ASKED, f"type {S3}", "returned", "done"],
        {S1: ANSWER, S2: ANSWER, S3: NOBODY}, ["1 dropped"]),
    "the old password is refused": (
        [*PASSWD, f"type {S1}", f"type {S2}", f"type {S3}", "ask", "failed", "done", "type on"],
        {S1: ANSWER, S2: NOBODY, S3: NOBODY, "on": TALK}, ["2 dropped"]),
    "behind a command that goes on": (
        ["begun", "type /users", "type /passwd", f"type {S1}", "ask", "returned", "done"],
        {"/users": TALK, S1: ANSWER}, []),
    "a login behind a logout": (
        ["begun", "type /logout", "type /login x", f"type {S1}", "done", "ask", "returned", "done"],
        {"/logout": TALK, "/login x": TALK, S1: ANSWER}, []),
    "behind a logout that is stopped": (
        ["begun", "type /logout", "type /login x", f"type {S1}", "ctrl-c", "done", "failed", "done"],
        {"/login x": TALK, S1: NOBODY}, ["stop", "1 dropped"]),
    "the broker is away: nothing is asked, it is stopped": (
        [*PASSWD, f"type {S1}", "ctrl-c", "failed", "done"], {S1: NOBODY}, ["stop", "1 dropped"]),
    "the broker is away, after the last answer": (
        [*PASSWD, *ASKED, f"type {S3}", f"type {S4}", "half", "ctrl-c", "ctrl-c", "failed", "done"],
        {S3: NOBODY, S4: NOBODY}, ["stop", "2 dropped"]),
    "half a line": ([*PASSWD, *ASKED, "half", "returned", "done", "type clean"],
        {"clean": TALK}, ["1 dropped"]),
    "half a line behind a whole one": ([*PASSWD, "ask", f"type {S1}", f"type {S2}", "half", "failed", "done"],
        {S1: ANSWER, S2: NOBODY}, ["2 dropped"]),
    "half an answer when the question is withdrawn": (
        [*PASSWD, "ask", "half", "withdrawn", "failed", "done", "type on"], {"on": TALK}, []),
    "a line behind a withdrawn question": (
        [*PASSWD, "ask", "withdrawn", f"type {S1}", "failed", "done"], {S1: NOBODY}, ["1 dropped"]),
    "ctrl-c on half an answer": ([*PASSWD, "ask", "half", "ctrl-c", "failed", "done"], {}, ["interrupted"]),
    "ctrl-c on a question, and a line typed after it": (
        [*PASSWD, f"type {S1}", "ask", "ask", "ctrl-c", f"type {S2}", "failed", "done"],
        {S1: ANSWER, S2: NOBODY}, ["interrupted", "1 dropped"]),
    "ctrl-c on half a line before a question": (
        [*PASSWD, "half", "ctrl-c", "ask", f"type {S1}", "returned", "done"], {S1: ANSWER}, []),
    "ctrl-d on a question": ([*PASSWD, "ask", "ctrl-d", f"type {S1}", "failed", "done", "type on"],
        {S1: NOBODY, "on": TALK}, ["ended", "1 dropped"]),
    "ctrl-d ahead of the question": ([*PASSWD, f"type {S1}", "ctrl-d", "ask", "ask", "failed", "done"],
        {S1: ANSWER}, ["ended", "over"]),
    "a reply to the last word": ([*PASSWD, *ASKED, "returned", "type at once", "done"],
        {"at once": TALK}, []),
    "a command behind a command that asks": (
        [*PASSWD, f"type {S1}", "type /login", f"type {S2}", "ask", "failed", "done"],
        {S1: ANSWER, "/login": NOBODY, S2: NOBODY}, ["2 dropped"]),
    "a first run": (
        ["first-run", "ask User name: ", "type me", "ask", f"type {S1}", "returned", "begun", "type hi"],
        {"me": ANSWER, S1: ANSWER, "hi": TALK}, []),
    "a first run, all ahead and one too many": (
        ["first-run", "type me", f"type {S1}", f"type {S2}", "ask User name: ", "ask", "returned", "begun"],
        {"me": ANSWER, S1: ANSWER, S2: NOBODY}, ["1 dropped"]),
    "a question of a command that was not known to ask": (
        ["begun", "half", "ask", f"type {S1}", "type hi"], {S1: ANSWER, "hi": TALK}, []),
    "behind exit": (["begun", "type /exit", "type hi", f"type {S1}"],
        {"/exit": TALK, "hi": NOBODY, S1: NOBODY}, []),
    "a signal while a command asks": ([*PASSWD, f"type {S1}", "left", f"type {S2}", "returned", "done"],
        {S1: NOBODY, S2: NOBODY}, []),
    "a question after a signal": ([*PASSWD, f"type {S1}", "left", f"type {S2}", "ask", f"type {S3}"],
        {S1: NOBODY, S2: NOBODY, S3: NOBODY}, []),
    "a signal while a question is asked": (
        [*PASSWD, "ask", "left", "withdrawn", f"type {S1}", "failed", "done"],
        {S1: NOBODY}, []),
    "the talk asks": (["begun", "type exit", "type maybe", "type hi"],
        {"exit": TALK, "maybe": QUIET, "hi": TALK}, []),
    "the talk asks again": (["begun", "type exit", "type perhaps", "type y"],
        {"perhaps": QUIET, "y": QUIET}, []),
    "ctrl-c where the talk asks": (["begun", "type exit", "half", "ctrl-c", "ctrl-c", "type hi"],
        {"n": QUIET, "hi": TALK}, []),
    "ctrl-d where the talk asks": (["begun", "type exit", "ctrl-d", "type hi"],
        {"n": QUIET, "hi": TALK}, []),
    "ctrl-d": (["begun", "ctrl-d", "type hi"], {"hi": NOBODY}, ["over"]),
    "ctrl-c belongs to the editor": (["begun", "type /edit x", "type hi", "ctrl-c", "closed"],
        {"hi": TALK}, []),
    "what the editor wrote goes first": (
        ["begun", "type /edit", "type /passwd", f"type {S1}", "closed text", "ask", "returned", "done"],
        {"text": TALK, S1: ANSWER}, []),
    # a pipe ------------------------------------------------------------------------------------------
    "piped: answers stand behind the command": (
        [*PASSWD, f"type {S1}", f"type {S2}", "type hi", "eof", "ask", "ask", "returned", "done"],
        {S1: ANSWER, S2: ANSWER, "hi": TALK}, ["over"]),
    "piped: it failed after its first answer": (
        [*PASSWD, f"type {S1}", f"type {S2}", f"type {S3}", "eof", "ask", "failed", "done"],
        {S1: ANSWER, S2: NOBODY, S3: NOBODY}, ["over, astray"]),
    "piped: it failed before it asked": (
        ["type /passwd --oops", f"type {S1}", f"type {S2}", "begun", "failed", "done"],
        {S1: NOBODY, S2: NOBODY}, ["over, astray"]),
    "piped: lines come after the failure": ([*PASSWD, "failed", f"type {S1}", "done", f"type {S2}"],
        {S1: NOBODY, S2: NOBODY}, ["over, astray"]),
    "piped: a command waits behind another": (
        ["begun", "type /users", "type /passwd", f"type {S1}", "done", "ask", "returned", "done"],
        {"/passwd": TALK, S1: ANSWER}, []),
    "piped: each line waits for the one before": (["begun", "type /users", "type hi", "eof"],
        {"/users": TALK, "hi": NOBODY}, []),
    "piped: the answers end": ([*PASSWD, "ask", "eof", "failed", "done"], {}, ["ended", "over, astray"]),
    "piped: the answers had ended": ([*PASSWD, "eof", "ask", "failed", "done"],
        {}, ["ended", "over, astray"]),
    "piped: behind exit": (["begun", "type /exit", "type hi", "eof"], {"hi": NOBODY}, []),
    "piped: a first run": (
        ["first-run", "type me", f"type {S1}", "type hi", "ask User name: ", "ask", "returned", "begun"],
        {"me": ANSWER, S1: ANSWER, "hi": TALK}, []),
}  # fmt: skip


def played(name: str) -> Played:
    """A situation, played to its end."""
    game = Played(piped=name.startswith("piped"))
    game.play(SITUATIONS[name][0])
    return game


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_becomes_of_each_line(name: str) -> None:
    _, fates, told = SITUATIONS[name]
    game = played(name)
    assert {line: game.fates[line] for line in fates} == fates
    assert game.told == told
    assert not game.half, "half a secret became the beginning of a line"
    assert not [line for line, fate in game.fates.items() if line.startswith("secret") and "talk" in fate]


# -- the line being typed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "hidden", "draft"),
    [
        ([], False, True),
        (["begun"], False, True),
        (["begun", "type exit"], False, True),
        (["begun", "type /logout"], False, True),
        (["begun", "type /edit"], False, True),
        (["first-run"], True, False),
        (PASSWD, True, False),
        ([*PASSWD, "ask"], True, False),
        ([*PASSWD, "ask User name: "], False, False),
        ([*PASSWD, "ask User name: ", "type me"], True, False),
        ([*PASSWD, "ask", "withdrawn"], True, False),
        ([*PASSWD, "ask", "ctrl-c"], True, False),
        ([*PASSWD, "returned"], False, True),
        ([*PASSWD, "left"], True, False),
        (["begun", "ask User name: "], False, False),
        (["begun", "ask"], True, False),
        (["begun", "ask", "ctrl-d"], False, True),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, list) else None,
)
def test_what_may_be_seen_and_recalled(inputs: list[str], hidden: bool, draft: bool) -> None:
    game = Played(piped=False)
    game.play(inputs)
    assert (game.turns.typing.hidden, game.turns.typing.draft) == (hidden, draft)
    if game.shown:  # a screen was told
        assert game.shown[-1] == game.turns.typing


def test_every_state_is_reached_and_can_be_left() -> None:
    reached = {State.BEGINNING, *TRANSITIONS.values()}
    assert reached == set(State)
    assert {state for state, event in TRANSITIONS if event is not Event.LEFT} == reached - {State.OVER}
    assert {event for _, event in TRANSITIONS} == set(Event)


INPUTS = ["half", "ask", "ask User name: ", "withdrawn", "ctrl-c", "ctrl-d"]


@given(st.lists(st.sampled_from(["line", *INPUTS]), max_size=12), st.sampled_from(["returned", "failed"]))
def test_nothing_that_is_typed_while_a_command_asks_reaches_the_talk(inputs: list[str], end: str) -> None:
    game = Played(piped=False)
    game.play(
        [
            *PASSWD,
            *(f"type secret {number}" if each == "line" else each for number, each in enumerate(inputs)),
        ]
    )
    game.play(["withdrawn", end])
    assert not game.half
    game.play(["done"])
    assert {game.fates[line] for line in game.fates if line.startswith("secret")} <= {ANSWER, NOBODY}
