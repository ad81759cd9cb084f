"""A line that was begun before the login ended is a text; without a login all others are commands."""

import pytest

from cnmessage_client.chat.talk.effects import Effect, Quit, RunCommand
from tests.unit.client.chat.talk.talking import lines, sent, shown, type_in, with_bob

LOGIN = RunCommand(("login", "carol"))
HIDDEN = "nobody is logged in here; use: /login NAME"


@pytest.mark.parametrize(
    ("draft", "ahead", "typed"),
    [
        ("", 0, {"exit": Quit()}),
        ("", 0, {"login carol": LOGIN}),
        ("", 0, {"/login carol": LOGIN}),
        ("", 0, {"hello there": None, "exit": Quit()}),
        ("", 0, {"//exit": None, "users": RunCommand(("users",))}),
        ("ex", 0, {"exit": None, "quit": Quit()}),
        ("I will ", 0, {"I will exit": None, "exit": Quit()}),
        ("lo", 0, {"login carol": None}),
        ("ex", 0, {"login carol": LOGIN}),  # it was given up
        ("ex", 0, {"/exit": Quit()}),
        ("ex", 2, {"exit": None, "quit": None, "exit ": None, "who": "note"}),
        (None, 0, {"exit": None, "quit": Quit()}),  # a terminal that keeps its lines to itself
        (None, 0, {"login carol": LOGIN}),
        (None, 1, {"login carol": None}),
    ],
)
def test_without_a_login_a_line_is_a_command_unless_it_was_begun_before(
    draft: str | None, ahead: int, typed: dict[str, Effect | str | None]
) -> None:
    talk = with_bob()
    talk.logged_out(0.0, by_itself=True)
    talk.logged_out_amid(draft, ahead)
    for line, effect in typed.items():
        effects = type_in(talk, line)
        assert sent(effects) == []
        if effect is None:
            assert HIDDEN in lines(shown(effects))[-1]
        elif effect != "note":
            assert effect in effects


def test_once_somebody_is_logged_in_text_is_text_again() -> None:
    talk = with_bob()
    talk.logged_out(0.0, by_itself=True)
    talk.logged_out_amid("ex", 0)
    talk.logged_in("alice", 1.0)
    assert sent(type_in(talk, "hello")) == [(("bob",), "hello")]


def test_where_nobody_can_be_asked_a_text_is_no_command() -> None:
    talk = with_bob(can_ask=False)
    talk.logged_out(0.0, by_itself=True)
    talk.logged_out_amid(None, 0)
    for _ in range(2):
        assert HIDDEN in lines(shown(type_in(talk, "exit")))[-1]
