"""What a line means: examples of every form, and what holds for any text."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnmessage_client.chat.talk.effects import Break, Edit, Quit, RunCommand
from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS, OWN_FORMS, read
from cnmessage_client.chat.talk.meanings import Blank, Clear, Enter, Hint, Line, More, Retry, SendText
from tests.support.conversations import ALL, BOB, CAROL, talk_with, whom
from tests.unit.client.chat.talk.talking import COMMANDS
from tests.unit.protocol.strategies import NAMES, thorough

TEXTS = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from("/@ \n\t\"'\\-abto"), max_size=12)


def at_home(line: str) -> Line:
    return read(line, None, COMMANDS)


def with_bob(line: str) -> Line:
    return read(line, BOB, COMMANDS)


# -- at home ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("users", RunCommand(("users",))),
        ("  list_users", RunCommand(("list_users",))),
        ("/users", RunCommand(("users",))),
        ("history 5", RunCommand(("history", "5"))),
        ("sendfile bob a.txt 'b c.txt'", RunCommand(("sendfile", "bob", "a.txt", "b c.txt"))),
        ("cnmessage files get 1a2b", RunCommand(("files", "get", "1a2b"))),
        ("help", RunCommand(("help",))),
        ("help send", RunCommand(("help", "send"))),
        ("to bob", Enter(BOB)),
        ("to @Bob", Enter(BOB)),
        ("to all", Enter(ALL)),
        ("to", Enter(None)),
        ("home", Enter(None)),
        ("@bob", Enter(BOB)),
        ("@all", Enter(ALL)),
        ("@Bob hi there", SendText((BOB,), "hi there")),
        ("@bob\n  two\nlines", SendText((BOB,), "  two\nlines")),
        ("more", More()),
        ("retry", Retry(everything=False)),
        ("retry all", Retry(everything=True)),
        ("clear", Clear()),
        ("edit", Edit("")),
        ("edit it's\nlong", Edit("it's\nlong")),
        ("break", Break(3.0)),
        ("break 0.5", Break(0.5)),
        ("exit", Quit()),
        ("quit", Quit()),
        ("", Blank()),
        (" \n\t", Blank()),
    ],
)
def test_at_home_bare_words_are_commands(line: str, meaning: Line) -> None:
    assert at_home(line) == meaning


@pytest.mark.parametrize(
    ("line", "to", "body"),
    [
        ("send bob hi", ("bob",), "hi"),
        ("send bob it's fine, isn't it", ("bob",), "it's fine, isn't it"),
        ("send bob   two  spaces", ("bob",), "two  spaces"),
        ('send bob "quoted"', ("bob",), "quoted"),
        ('send bob carol "Lunch?"', ("bob", "carol"), "Lunch?"),
        ("send bob carol 'Lunch?'", ("bob", "carol"), "Lunch?"),
        ('send bob "she said \\"yes\\""', ("bob",), 'she said "yes"'),
        ('send bob he said, "no"', ("bob",), 'he said, "no"'),
        ("send bob carol Lunch?", ("bob",), "carol Lunch?"),
        ("send bob -", ("bob",), "-"),
        ("send bob -5 degrees", ("bob",), "-5 degrees"),
        ("send bob use --help", ("bob",), "use --help"),
        ('send bob "unbalanced', ("bob",), '"unbalanced'),
        ("send Bob Hi", ("bob",), "Hi"),
        ("send all hi", ("all",), "hi"),
        ("send bob\n  def f():\n    pass", ("bob",), "  def f():\n    pass"),
        ("broadcast the printer works", ("all",), "the printer works"),
        ('broadcast "the printer works"', ("all",), "the printer works"),
        ('broadcast say "hi"', ("all",), 'say "hi"'),
    ],
)
def test_send_takes_the_rest_of_the_line_or_a_quoted_end(line: str, to: tuple[str, ...], body: str) -> None:
    assert at_home(line) == with_bob(f"/{line}") == SendText(whom(*to), body)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("send --wait read bob hi", ("send", "--wait", "read", "bob", "hi")),
        ('send bob "hi there" --wait read', ("send", "bob", "hi there", "--wait", "read")),
        ("send bob 'hi' -q", ("send", "bob", "hi", "-q")),
        ("broadcast --json 'hi'", ("broadcast", "--json", "hi")),
        ("send -h", ("send", "-h")),
    ],
)
def test_with_options_send_is_a_command(line: str, words: tuple[str, ...]) -> None:
    assert at_home(line) == RunCommand(words)


# -- in a conversation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello", SendText((BOB,), "hello")),
        ("users", SendText((BOB,), "users")),
        (" /indented", SendText((BOB,), " /indented")),
        ("a\n/b\n@c", SendText((BOB,), "a\n/b\n@c")),
        ("//etc/hosts", SendText((BOB,), "/etc/hosts")),
        ("@@decorator", SendText((BOB,), "@decorator")),
        ("/users", RunCommand(("users",))),
        ("/to carol", Enter(CAROL)),
        ("/to", Enter(None)),
        ("/home", Enter(None)),
        ("/quit", Quit()),
        ("@carol", Enter(CAROL)),
        ("@carol hi", SendText((CAROL,), "hi")),
        ("   ", Blank()),
    ],
)
def test_in_a_conversation_plain_text_is_a_message(line: str, meaning: Line) -> None:
    assert with_bob(line) == meaning


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "peer", "hint"),
    [
        ("hsitory 5", None, "did you mean 'history'?"),
        ("/hsitory 5", "bob", "did you mean '/history'?"),
        ("xyzzy", None, "'to NAME' begins a conversation"),
        ("/xyzzy", "bob", "//… sends it as a text"),
        ("/ users", "bob", "follows the slash directly"),
        ("@bob, hi", "carol", "'@bob,' names nobody"),
        ("@", None, "names nobody"),
        ("@@x", None, "names nobody"),
        ("to bob carol", None, 'send bob carol "TEXT"'),
        ("to b,b", None, "'b,b' cannot be a user"),
        ("send", None, "send NAME TEXT"),
        ("/send bob", "carol", "/send bob TEXT"),
        ("broadcast  ", None, "broadcast TEXT"),
        ("send b,b hi", None, "'b,b' cannot be a user"),
        ('send bob all "hi"', None, "'all' stands alone"),
        ("sendfile bob 'a", None, "a quote is not closed"),
        ("send --wait read bob 'a", None, "a quote is not closed"),
        ("users\nhistory", None, "a command is one line"),
        ("exit now", None, "write: exit"),
        ("/more 5", "bob", "write: /more, for example: /more"),
        ("retry 3", None, "write: retry [all]"),
        ("break soon", None, "write: break [SECONDS], for example: break 10"),
        ("break 0", None, "write: break"),
        ("break nan", None, "write: break"),
        ("break 3601", None, "write: break"),
    ],
)
def test_what_means_nothing_is_refused_with_a_hint(line: str, peer: str | None, hint: str) -> None:
    refused = read(line, None if peer is None else talk_with(peer), COMMANDS)
    assert isinstance(refused, Hint)
    assert hint in refused.text


def test_commands_are_only_those_handed_in() -> None:
    assert isinstance(read("users", None, {}), Hint)
    assert isinstance(read("send bob hi", None, {}), Hint)


def test_what_a_command_does_with_its_line_is_handed_in_and_not_read_off_its_name() -> None:
    commands = {"tell": COMMANDS["send"], "shout": COMMANDS["broadcast"], "send": COMMANDS["users"]}
    assert read("tell bob it's noon", None, commands) == SendText((BOB,), "it's noon")
    assert read("/shout it's noon", BOB, commands) == SendText((ALL,), "it's noon")
    assert read("send bob hi", None, commands) == RunCommand(("send", "bob", "hi"))
    for line, hint in (("tell", "tell NAME TEXT"), ("tell bob", "tell bob TEXT"), ("shout", "shout TEXT")):
        refused = read(line, None, commands)
        assert isinstance(refused, Hint)
        assert refused.text.endswith(hint)


# -- what holds for any text ------------------------------------------------------------------------


@thorough(100, 2000)
@given(TEXTS)
@example("/")
@example("@")
@example("//")
@example("@@")
def test_a_text_in_a_conversation_is_sent_verbatim_or_is_no_text_at_all(text: str) -> None:
    line = with_bob(text)
    if not text.strip():
        assert line == Blank()
    elif text[0] not in "/@":
        assert line == SendText((BOB,), text)
    elif text[:2] in {"//", "@@"}:
        assert line == SendText((BOB,), text[1:])
    else:
        # A command or an at-form: whatever it is, never this text to whom we talk with.
        assert line not in (SendText((BOB,), text), Blank())


@thorough(100, 2000)
@given(TEXTS, NAMES)
def test_doubling_the_first_character_sends_any_text(text: str, peer: str) -> None:
    for first in "/@":
        assert read(f"{first}{first}{text}", talk_with(peer), COMMANDS) == SendText(whom(peer), first + text)


@thorough(100, 2000)
@given(TEXTS)
def test_at_home_nothing_is_sent_without_a_name(text: str) -> None:
    line = at_home(text)
    if isinstance(line, SendText):
        begins = text.lstrip().removeprefix("/").removeprefix("cnmessage").lstrip()
        assert begins.startswith(("send", "broadcast", "@"))


@thorough(100, 2000)
@given(NAMES.filter(lambda name: name != "all"), TEXTS.filter(lambda text: text.strip()))
def test_an_at_form_sends_what_follows_the_name(name: str, text: str) -> None:
    line = at_home(f"@{name} {text}")
    assert isinstance(line, SendText)
    assert line.to == whom(name)
    assert text.endswith(line.body)
    assert text.removesuffix(line.body).strip() == ""


@thorough(100, 2000)
@given(NAMES.filter(lambda name: name != "all"), st.from_regex(r"[a-z][a-z ,.!?']*[a-z.!?]", fullmatch=True))
def test_send_needs_no_quotes_and_takes_them(name: str, text: str) -> None:
    assert at_home(f"send {name} {text}") == at_home(f'send {name} "{text}"') == SendText(whom(name), text)


def test_long_hostile_blocks_are_read_in_no_time() -> None:
    for block in (
        "\"' " * 30_000,
        " " * 90_000 + '"',
        '"\\' * 40_000,
        "-a b " * 20_000 + '"x" ' + "-a b " * 20_000,
    ):
        assert at_home(f"send bob {block}x") is not None


# -- help as data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_every_example_of_the_help_does_what_it_says(name: str) -> None:
    own = OWN_COMMANDS[name]
    assert own.usage.split()[0] == name
    assert own.summary.endswith(".")
    line = read(own.example, CAROL, COMMANDS) if own.example[0] == "/" else at_home(own.example)
    assert not isinstance(line, Hint)
    assert own.example.removeprefix("/").split()[0] == name


@pytest.mark.parametrize("form", OWN_FORMS, ids=lambda form: form.usage)
def test_every_example_of_a_form_is_read(form: object) -> None:
    example_line: str = getattr(form, "example")  # noqa: B009 - parametrize tells no type
    assert not isinstance(with_bob(example_line), Hint | Blank)


def test_aliases_lead_to_commands() -> None:
    assert set(OWN_ALIASES.values()) <= set(OWN_COMMANDS)


@pytest.mark.parametrize("name", sorted({*OWN_COMMANDS, *OWN_ALIASES, *COMMANDS}))
@pytest.mark.parametrize("rest", ["", " bob", " bob hello", " all", " 5"])
@pytest.mark.parametrize("spelled", [str.upper, str.capitalize])
def test_a_command_is_the_same_in_any_case(name: str, rest: str, spelled: Callable[[str], str]) -> None:
    meant = read(f"/{name}{rest}", BOB, COMMANDS)
    assert read(f"/{spelled(name)}{rest}", BOB, COMMANDS) == meant
    assert read(f"/CNMessage {spelled(name)}{rest}", BOB, COMMANDS) == meant


def test_a_name_and_a_text_stay_as_they_are_typed_and_an_unknown_command_is_told_so() -> None:
    assert read("/SEND bob Hi THERE", BOB, COMMANDS) == SendText((BOB,), "Hi THERE")
    assert read("/Edit Some Text", BOB, COMMANDS) == Edit("Some Text")
    hint = read("/HSITORY", BOB, COMMANDS)
    assert hint == Hint("there is no command '/HSITORY'; did you mean '/history'? //… sends it as a text")
