"""The talk: what is asked before a message goes out, and what becomes of the text."""

import pytest

from cnmessage_client.chat.talk.effects import (
    DropLines,
    Quit,
    Remember,
    RunCommand,
    SendAsFile,
    SendMessage,
    SetDraft,
)
from cnmessage_protocol.records import MAX_BODY
from tests.support.conversations import BOB
from tests.unit.client.chat.talk.talking import (
    busy,
    lines,
    new_talk,
    sent,
    shown,
    some,
    type_in,
    with_bob,
)

LONG = "\n".join(f"line {number}" for number in range(34))


def test_a_long_block_is_confirmed_and_sent_as_one_message() -> None:
    talk = with_bob()
    assert lines(shown(type_in(talk, LONG))) == ["* Send 34 lines to bob as one message? [y/N]"]
    assert talk.prompt == "[y/N] "
    assert sent(type_in(talk, "Yes")) == [(("bob",), LONG)]
    assert talk.prompt == "alice → bob> "


@pytest.mark.parametrize("answer", ["yess", "hello"])
def test_what_is_no_answer_is_asked_for_again_and_kept_and_nothing_is_sent(answer: str) -> None:
    talk = with_bob()
    type_in(talk, LONG)
    effects = type_in(talk, answer)
    assert (sent(effects), some(effects, Remember)) == ([], [Remember(answer)])
    assert talk.prompt == "[y/N] "
    assert sent(type_in(talk, "y")) == [(("bob",), LONG)]


@pytest.mark.parametrize("answer", ["n", "", "  ", "No"])
def test_after_a_no_the_line_is_empty(answer: str) -> None:
    talk = with_bob()
    type_in(talk, f"@carol {LONG}")
    effects = type_in(talk, answer)
    assert lines(shown(effects)) == ["* Not sent; Up brings it back."]
    assert not some(effects, SetDraft)
    assert talk.prompt == "alice → bob> "
    assert sent(type_in(talk, "hi")) == [(("bob",), "hi")]


def test_ten_lines_go_unasked() -> None:
    block = "\n".join("x" * 10)
    assert sent(type_in(with_bob(), block)) == [(("bob",), block)]


def test_what_is_too_large_is_offered_as_a_file() -> None:
    talk = with_bob()
    body = "é" * (MAX_BODY // 2)
    assert sent(type_in(talk, body)) == [(("bob",), body)]
    (note,) = lines(shown(type_in(talk, body + "x")))
    assert (
        note == "* The message has 65537 bytes, and a message may have 65536; send it to bob as a file? [y/N]"
    )
    assert type_in(talk, "y") == [SendAsFile((BOB,), body + "x", "message-20260302-120000.txt")]


def test_nothing_too_large_goes_to_everyone() -> None:
    talk = new_talk()
    type_in(talk, "to all")
    body = "x" * (MAX_BODY + 1)
    effects = type_in(talk, body)
    assert "a file cannot go to everyone either" in lines(shown(effects))[0]
    assert effects[1:] == [SetDraft(body, offered=True)]
    assert talk.prompt == "alice → all> "


def test_where_nobody_answers_nothing_is_asked() -> None:
    talk = with_bob(can_ask=False)
    assert sent(type_in(talk, LONG)) == [(("bob",), LONG)]
    effects = type_in(talk, "x" * (MAX_BODY + 1))
    (trouble,) = lines(shown(effects))
    assert trouble.endswith("it was not sent. Put it in a file and use: /files send bob PATH")
    assert not some(effects, SetDraft)
    assert sent(type_in(talk, "next")) == [(("bob",), "next")]


def test_what_is_no_unicode_is_not_sent() -> None:
    talk = with_bob()
    effects = type_in(talk, "a\udc80b")
    assert lines(shown(effects)) == [
        "! the message is not UTF-8 text; it was not sent. Convert it to UTF-8 first"
    ]
    assert not busy(talk)


def test_who_logs_out_leaves_no_question_behind() -> None:
    talk = with_bob()
    type_in(talk, LONG)
    talk.logged_out(0.0)
    assert talk.prompt == "not logged in> "
    assert sent(type_in(talk, "y")) == []


def test_who_is_logged_out_while_a_question_is_open_has_the_text_back() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    block = "\n".join("x" * 20)
    type_in(talk, block)
    assert talk.asks
    assert "* Not sent; Up brings it back." in lines(shown(talk.logged_out(1.0)))
    assert not talk.asks


def test_a_word_that_is_likely_a_command_is_asked_about_where_somebody_answers() -> None:
    for can_ask in (True, False):
        talk = new_talk(can_ask=can_ask)
        type_in(talk, "to bob")
        for line in ("quit", "history 5"):
            effects = type_in(talk, line)
            assert talk.asks is can_ask
            assert not sent(effects)
            assert bool(some(effects, DropLines)) is not can_ask, (
                "nobody answers, so nobody gets what follows"
            )
            if can_ask:
                (question,) = lines(shown(effects))
                assert question.endswith(f"In a conversation the command is '/{line}'. [y/N]")
                assert sent(type_in(talk, "n")) == []
        assert sent(type_in(talk, "@bob quit"))  # said to somebody
        assert sent(type_in(talk, "//quit")) == [(("bob",), "/quit")]


def test_three_answers_that_are_none_are_a_no_and_all_of_them_are_kept() -> None:
    talk = with_bob()
    type_in(talk, "quit")
    told = [lines(shown(type_in(talk, wrong))) for wrong in ("hm", "what")]
    assert told == [["* Answer y to do it, or n not to."], []]
    effects = type_in(talk, "maybe")
    assert lines(shown(effects)) == ["* Neither y nor n: it was not sent. Up brings back what you typed."]
    assert (some(effects, SetDraft), some(effects, Remember)) == ([], [Remember("maybe")])
    assert not talk.asks


@pytest.mark.parametrize(
    "text", ["a long important thought", "yes please", "incomprehensibility", "@carol x"]
)
def test_a_text_in_place_of_an_answer_is_a_no_and_stands_in_the_line(text: str) -> None:
    talk = with_bob()
    type_in(talk, "who")
    effects = type_in(talk, text)
    assert not talk.asks
    assert sent(effects) == []
    assert some(effects, SetDraft) == [SetDraft(text, offered=True)]
    assert some(effects, Remember) == [Remember(text)]


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        ("/exit", Quit()),
        ("/login carol", RunCommand(("login", "carol"))),
        ("/users", RunCommand(("users",))),
    ],
)
@pytest.mark.parametrize("asked", ["who", LONG])
def test_a_command_in_place_of_an_answer_is_a_no_and_is_carried_out(
    line: str, effect: object, asked: str
) -> None:
    talk = with_bob()
    type_in(talk, asked)
    effects = type_in(talk, line)
    assert effect in effects
    assert Remember(line) in effects
    assert not talk.asks
    assert sent(effects) == []


def test_a_command_without_its_slash_in_place_of_an_answer_is_asked_about_itself() -> None:
    talk = with_bob()
    type_in(talk, "who")
    effects = type_in(talk, "users")
    assert "Send 'users' as text" in lines(shown(effects))[-1]
    assert sent(type_in(talk, "y")) == [(("bob",), "users")]


@pytest.mark.parametrize("before", [[], ["who"]])
@pytest.mark.parametrize("command", ["passwd", "login carol", "Signup dave", "cnmessage passwd"])
def test_no_secret_that_is_typed_behind_a_command_without_its_slash_gets_anywhere(
    command: str, before: list[str]
) -> None:
    talk = with_bob()
    type_in(talk, *before, command)
    for secret in ("correct horse battery", "hunter2", "//battery", "/staple x", "hunter3", "who"):
        effects = type_in(talk, secret)
        assert talk.asks
        assert not [each for each in effects if isinstance(each, SendMessage | SetDraft | Remember)]
        assert secret not in "".join(lines(shown(effects)))
    assert Quit() in type_in(talk, "/exit")


def test_the_question_says_that_what_it_sends_is_text() -> None:
    (question,) = lines(shown(type_in(with_bob(), "Sendfile /tmp/x")))
    command = "In a conversation the command is '/sendfile /tmp/x'. [y/N]"
    assert question == f"* Send 'Sendfile /tmp/x' as text to bob? {command}"
