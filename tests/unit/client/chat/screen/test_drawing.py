"""How entries look: what is said of whom, with which mark, on rows that stay within the screen."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from cnmessage_client.chat.screen.cells import cells, cut, cut_left, picture_of, tame
from cnmessage_client.chat.screen.drawing import day_rule, draw
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.talk.entries import (
    Entry,
    Mark,
    Note,
    Output,
    Preview,
    Pushed,
    Rule,
    Said,
    Trouble,
    Typed,
)
from cnmessage_client.model import UNKNOWN, MessageFile
from cnmessage_client.shell.out.colours import name_colour, wants_colour
from cnmessage_client.shell.out.safe_text import safe_text
from tests.support.conversations import BOB, talk_with, whom

COLOUR, PLAIN = Theme(colour=True), Theme(colour=False)
NOON = datetime(2026, 11, 25, 12, 3, tzinfo=datetime.now().astimezone().tzinfo)
FILE = MessageFile("1a2b3c4d-0000-7000-8000-000000000000", "report.pdf", 1258291, "00")


def said(body: str, sender: str = "alice", to: tuple[str, ...] = ("bob",), **fields: Any) -> Said:
    return Said("k", NOON, sender, whom(*to), fields.pop("kind", "direct"), body, **fields)


def texts(entry: Entry, width: int = 80, peer: str | None = None) -> list[str]:
    where = None if peer is None else talk_with(peer)
    return ["".join(text for _, text in row).rstrip() for row in draw(entry, width, COLOUR, where)]


# -- what is shown ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "peer", "shown"),
    [
        (said("hi"), None, "12:03 alice: hi"),
        (said("hi"), "alice", "12:03 alice: hi"),
        (said("hi", to=("bob", "carol")), "alice", "12:03 alice → bob, carol: hi"),
        (said("hi", to=("all",), kind="broadcast"), "all", "12:03 alice → all: hi"),
        (said("hi", mark=Mark.QUEUED), "bob", "12:03 alice: hi …"),
        (said("hi", mark=Mark.STORED), "bob", "12:03 alice: hi ✓"),
        (said("hi", mark=Mark.DELIVERED), "bob", "12:03 alice: hi ✓✓"),
        (said("hi", mark=Mark.DELIVERED), None, "12:03 alice → bob: hi ✓✓"),
        (
            said("hi", mark=Mark.FAILED, reason="no such user"),
            "bob",
            "12:03 alice: hi ✗ no such user · /retry",
        ),
        (said("", file=FILE), None, "12:03 alice: [file] report.pdf, 1.2 MiB · /files get 1a2b3c4d"),
        (said("", file=FILE, mark=Mark.STORED), "bob", "12:03 alice: [file] report.pdf, 1.2 MiB ✓"),
        (Preview(said("hi", mark=Mark.STORED)), "carol", "12:03 » alice → bob: hi ✓"),
        (said("", "", (), unknown=True), None, f"12:03 {UNKNOWN}"),
        (Preview(said("", "", (), unknown=True)), "carol", f"12:03 {UNKNOWN}"),
        (Pushed("typing"), None, UNKNOWN),
        (
            Preview(said("hi", mark=Mark.FAILED, reason="no such user")),
            "carol",
            "12:03 alice → bob: hi ✗ no such user · /retry",
        ),
        (Preview(said("one\ntwo")), "carol", "12:03 » alice: one two"),
        (Preview(said("hi", to=("all",), kind="broadcast")), "bob", "12:03 » alice → all: hi"),
        (Note("bob came"), None, "bob came"),
        (Trouble("there is no command 'x'"), None, "there is no command 'x'"),
        (Typed("alice> ", "history 5"), None, "alice> history 5"),
        (Output("\x1b[1mNAME\x1b[0m  STATE"), None, "NAME  STATE"),
        (Rule("new"), None, "── new " + "─" * 73),
        (Rule("2026-11-25"), None, "── Wednesday 25 November 2026 " + "─" * 50),
        (Rule("2026-13-45"), None, "── 2026-13-45 " + "─" * 66),
    ],
)
def test_an_entry_says_what_it_has_to(entry: Entry, peer: str | None, shown: str) -> None:
    assert texts(entry, peer=peer) == [shown]


def test_every_row_of_a_message_stands_under_its_own_text() -> None:
    body = "word " * 30 + "\nhonest\n12:03 bob: forged"
    first, *others = texts(said(body, file=FILE))
    assert first.startswith("12:03 alice: [file]")
    assert len(others) == 5
    assert all(row.startswith(" " * 13) for row in others)
    assert others[-1] == " " * 13 + "12:03 bob: forged"


def test_a_line_of_four_thousand_columns_and_many_lines_are_shown_in_full() -> None:
    wide = texts(said("x" * 4000))
    assert sum(row.count("x") for row in wide) == 4000
    assert max(map(len, wide)) == 80
    assert len(texts(said("\n".join(map(str, range(200)))))) == 200


def test_words_stay_whole_where_they_can() -> None:
    rows = texts(said("the quick brown fox jumps over the lazy dog"), width=30)
    assert [row.removeprefix("12:03 alice:").strip() for row in rows] == [
        "the quick brown",
        "fox jumps over",
        "the lazy dog",
    ]


def test_many_names_leave_room_for_the_text() -> None:
    names = tuple(f"user{number}" for number in range(30))
    rows = texts(said("hello there", to=names), width=40)
    assert rows[-1].endswith("hello there")
    assert all(row.startswith("      ") for row in rows[1:])
    assert max(map(len, rows)) <= 40


def test_a_mark_does_not_move_the_text_when_it_changes() -> None:
    for length in range(60, 140):
        counts = {len(texts(said("x" * length, mark=mark), peer="bob")) for mark in list(Mark)[:3]}
        assert len(counts) == 1


def test_names_have_their_colours_and_the_rest_is_dim_or_red_as_it_should() -> None:
    row = draw(said("hi", mark=Mark.FAILED, reason="no"), 80, COLOUR, BOB)[0]
    assert row == [
        ("dim", "12:03 "),
        (f"bold ansi{name_colour('alice').replace('_', '')}", "alice"),
        ("", ": "),
        ("", "hi"),
        ("", " "),
        ("ansired", "✗ no · /retry"),
    ]
    assert {style for style, _ in draw(said("hi", mark=Mark.DELIVERED), 80, COLOUR, BOB)[0][-1:]} == {"dim"}
    assert draw(Trouble("x"), 80, COLOUR) == [[("ansired", "x")]]
    assert draw(Note("x"), 80, COLOUR) == [[("dim", "x")]]


def test_without_colour_nothing_has_a_look_and_everything_is_still_said() -> None:
    for entry in (
        said("hi", mark=Mark.FAILED, reason="no"),
        Preview(said("x")),
        Note("x"),
        Trouble("x"),
        Rule("new"),
        Typed("> ", "x"),
        Output("\x1b[31mx"),
    ):
        rows = draw(entry, 80, PLAIN)
        assert {style for row in rows for style, _ in row} == {""}
        assert ["".join(text for _, text in row).rstrip() for row in rows] == texts(entry)
    assert not wants_colour({"NO_COLOR": ""})
    assert not wants_colour({"TERM": "dumb"})
    assert wants_colour({"TERM": "xterm"})


def test_of_what_a_command_printed_only_looks_are_obeyed() -> None:
    text = "\x1b[31mred\x1b[0m \x1b[2J\x1b[10;10Hplain\x1b]0;title\x07\x01\x1b[8m\x02 end\n\x1b[1mnext"
    assert draw(Output(text), 80, COLOUR) == [
        [("ansired", "red"), ("", " plain"), ("hidden", " end")],
        [("bold hidden", "next")],
    ]
    assert texts(Output(text)) == ["red plain end", "next"]


def test_a_preview_of_a_long_message_is_one_row() -> None:
    (row,) = texts(Preview(said("中文" * 30_000)), width=40)
    assert cells(row) <= 40
    assert row.endswith("…")
    (own,) = texts(Preview(said("中文" * 30_000, mark=Mark.DELIVERED)), width=40)
    assert cells(own) <= 40
    assert own.endswith("… ✓✓")


# -- whatever the text ------------------------------------------------------------------------------

_NASTY = "".join(map(chr, [*range(32), *range(0x7F, 0xA0)])) + (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u2060\ufeff\u00ad"
    "\u2028\u2029\u180e\U000e0001\u200c\u200d\ufe0f\u0301\u0338\u20dd\u1160\u3164"
)
_WIDE = "中文日本語👩👍🏽🇪🇺❤한글ｗ"
_TEXT = st.one_of(
    st.text(),
    st.text(st.sampled_from(_NASTY + _WIDE + "ab \n\t[;m]0Ж"), max_size=300),
    st.lists(
        st.sampled_from(["word", " ", "\n", "x" * 90, "中" * 50, "a\u0301" * 40, "👩‍👩‍👧", "\x1b[31m", "✓✓"])
    ).map("".join),
    st.text(st.sampled_from("abc中 "), min_size=100, max_size=400).map(lambda text: text * 10),
)
_WIDTHS = st.integers(2, 130)
_JOINERS = {"\u200c", "\u200d"}


def _entries(text: str) -> list[Entry]:
    message = said(text)
    return [
        message,
        replace(message, mark=Mark.FAILED, reason=text),
        replace(message, sender=text, to=whom(text, text), mark=Mark.DELIVERED),
        replace(message, body=text[:20], file=structs.replace(FILE, name=text, id=text)),
        Preview(message),
        Preview(replace(message, sender=text, file=structs.replace(FILE, name=text))),
        Note(text),
        Trouble(text),
        Rule(text),
        Typed(text, text),
        Output(text),
    ]


@settings(max_examples=100, deadline=None)
@given(_TEXT, _WIDTHS)
@example("\u0301", 2)
@example("中" * 10, 2)
@example("a" + "\u0301" * 5000, 80)
def test_no_row_is_wider_than_the_screen_and_nothing_in_it_acts_on_a_terminal(text: str, width: int) -> None:
    for entry in _entries(text):
        rows = draw(entry, width, COLOUR, BOB)
        assert rows
        for row in rows:
            shown = "".join(part for _, part in row)
            assert cells(shown) <= width
            harmful = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
            assert harmful <= _JOINERS
            assert not shown or cells(shown[0]) > 0, "a mark would stand on what is not of this row"
            assert not any("ZeroWidthEscape" in style for style, _ in row)
            assert max(map(len, re.findall("[\u0300-\u036f]+", shown)), default=0) <= 6


@settings(max_examples=100, deadline=None)
@given(_TEXT, st.integers(24, 130))
def test_nothing_of_a_text_is_lost_but_what_cleaning_takes_and_spaces_where_it_breaks(
    text: str, width: int
) -> None:
    wanted = ["".join(tame(line).split(" ")) for line in safe_text(text, lines=True).split("\n")]
    shown = "".join(part for row in draw(said(text), width, COLOUR) for _, part in row)
    assert "".join(shown.split(" ")) == "12:03alice:" + "".join(wanted)


@given(st.text(st.sampled_from("ab中👩e\u0301 "), max_size=40).map(tame), st.integers(0, 20))
def test_what_is_cut_fits_and_says_so(text: str, width: int) -> None:
    for shown, rest in ((cut(text, width), str.startswith), (cut_left(text, width), str.endswith)):
        assert cells(shown) <= width
        if shown != text and width:
            assert rest(text, shown.strip("…"))
            assert "…" in shown


def test_text_of_any_script_is_shown_as_it_is_but_for_what_terminals_disagree_about() -> None:
    for text in ("नमस्ते", "می‌خواهم", "שלום", "日本語", "e\u0301", "ﷺ", "👍🏽 🇪🇺", "ᄒ\u1161ᆫ"):
        assert _painted(texts(said(text))) == [f"12:03 alice: {text}"]
    assert texts(said("❤️")) == ["12:03 alice: ❤"]


@pytest.mark.parametrize("picture", ["👨‍👩‍👧‍👦", "👩‍👩‍👧", "❤️‍🔥", "👩‍⚕️", "🧑🏽‍🚀", "👍🏽", "🇪🇺", "🏳️‍🌈"])
def test_characters_that_are_joined_are_one_picture_of_two_cells(picture: str) -> None:
    (row,) = texts(said(f"a {picture} b"))
    assert cells(row) == len("12:03 alice: a .. b")
    assert _painted([row]) == [f"12:03 alice: a {picture} b"]
    narrow = texts(said(picture * 5), width=20)
    assert "".join(_painted(narrow)).replace(" ", "").removeprefix("12:03alice:") == picture * 5
    assert max(map(cells, narrow)) <= 20


def test_nobody_can_write_a_stand_in() -> None:
    (before,) = texts(said("👍🏽"))
    assert texts(said(f"x{before[-1]}y")) == ["12:03 alice: xy"]


def _painted(rows: list[str]) -> list[str]:
    return ["".join(picture_of(each) or each for each in row) for row in rows]


# -- days -------------------------------------------------------------------------------------------


def test_a_rule_stands_between_messages_of_different_days() -> None:
    def at(days: int) -> Said:
        return replace(said("x"), time=NOON + timedelta(days=days))

    today = NOON.date()
    entries: list[Entry] = [at(-2), Note("x"), at(-2), at(-1), Note("x"), Rule("new"), at(0), at(0)]
    assert [day_rule(entries, place, today) for place in range(len(entries))] == [
        Rule("2026-11-23"),
        None,
        None,
        Rule("2026-11-24"),
        None,
        None,
        Rule("2026-11-25"),
        None,
    ]
    assert day_rule([at(0)], 0, today) is None
    assert day_rule([at(-1), Rule("2026-11-25"), Rule("new"), at(0)], 3, today) is None


def test_the_day_is_that_of_the_place_where_one_reads() -> None:
    late = datetime(2026, 11, 24, 23, 59, 59, tzinfo=NOON.tzinfo).astimezone(UTC)
    early = late + timedelta(seconds=2)
    entries = [replace(said("x"), time=late), replace(said("x"), time=early)]
    assert day_rule(entries, 0, date(2026, 11, 24)) is None
    assert day_rule(entries, 1, date(2026, 11, 24)) == Rule("2026-11-25")
