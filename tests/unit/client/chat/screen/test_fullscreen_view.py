"""The view of the full screen: what stands where, at every size, and reading further up."""

import asyncio
from dataclasses import replace

import pytest

from cnmessage_client.chat.talk.entries import Entry, Mark, Note, Rule, Trouble
from cnmessage_client.chat.talk.status import Status
from tests.support.conversations import BOB, CAROL, talk_with
from tests.support.stage import lasting, numbered, on_stage, said

SIZES = [(80, 24), (120, 40)]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_view_the_status_and_the_line_stand_where_they_belong(columns: int, rows: int) -> None:
    async def test() -> None:
        entries: list[Entry] = [
            said("hi"),
            Note("carol came"),
            Rule("new"),
            said("Lunch?", 1, "alice", mark=Mark.DELIVERED),
            Trouble("there is no command 'x'"),
        ]
        async with on_stage(*entries, columns=columns, rows=rows) as stage:
            await stage.shows("no command")
            assert stage.terminal.rows == [
                *[""] * (rows - 7),
                "12:03 bob: hi",
                "carol came",
                "── new " + "─" * (columns - 7),
                "12:03 alice → alice: Lunch? ✓✓",
                "there is no command 'x'",
                " online · alice · 2 online",
                "alice>",
            ]
            assert stage.terminal.cursor == (7, rows - 1)
            assert stage.terminal.look_of("carol came").dim
            assert stage.terminal.look_of("there is no").colour == "red"
            assert stage.terminal.look(columns - 1, rows - 2).reverse
            assert stage.terminal.look_of("✓✓").dim

    asyncio.run(test())


@lasting
async def test_a_line_half_typed_stays_whole_when_messages_come_and_marks_change() -> None:
    async with on_stage(*numbered(40)) as stage:
        stage.type("half a li")
        await stage.shows("alice> half a li")
        own = said("mine", 50, "alice", mark=Mark.STORED)
        stage.add(said("in between", 49), own)
        await stage.shows("mine ✓")
        stage.talk.entries[-1] = replace(own, mark=Mark.DELIVERED)
        stage.screen.show(stage.talk.entries[-1], again=True)
        await stage.shows("mine ✓✓")
        assert stage.input_row == "alice> half a li"
        assert stage.terminal.cursor == (len("alice> half a li"), 23)
        stage.type("ne")
        stage.key("enter")
        assert await stage.line() == "half a line"
        await stage.until(lambda: stage.input_row == "alice>")
        assert stage.screen.draft == ""


@lasting
async def test_the_prompt_and_the_status_are_those_of_the_talk() -> None:
    async with on_stage() as stage:
        stage.talk.prompt, stage.talk.conversation = "alice → bob> ", BOB
        stage.talk.shown = Status("reconnecting in 4 s (try 3)", "alice", 2, ((BOB, 3), (CAROL, 1)), None)
        stage.screen.redraw()
        await stage.shows("alice → bob>")
        row = stage.terminal.rows[-2]
        assert row == " reconnecting in 4 s (try 3) · alice · 2 queued · unread: bob 3, carol 1"
        stage.talk.shown = replace(
            stage.talk.shown,
            queued=0,
            online=12,
            unread=tuple((talk_with(f"user{number:02}"), 1) for number in range(30)),
        )
        stage.screen.redraw()
        await stage.shows("12 online")
        assert "unread: user00 1, 29 more" in stage.terminal.rows[-2]


@lasting
async def test_a_countdown_goes_on_without_any_news() -> None:
    async with on_stage() as stage:
        stage.talk.shown = replace(stage.talk.shown, connection="reconnecting in 1 s (try 1)")
        await stage.shows("reconnecting in 1 s")


# -- reading further up -----------------------------------------------------------------------------


@lasting
async def test_who_reads_further_up_stays_there_and_is_told_what_came() -> None:
    async with on_stage(*numbered(100)) as stage:
        await stage.until(lambda: stage.terminal.rows[:22][-1] == "12:04 bob: line 99")
        stage.key("page up")
        await stage.shows("↓ End: latest")
        before = stage.terminal.rows[:22]
        assert before[-1] == "12:04 bob: line 78"
        stage.add(*numbered(3, 100))
        await stage.shows("↓ 3 new")
        assert stage.terminal.rows[:22] == before
        stage.talk.entries[:0] = numbered(50, -50)
        stage.screen.redraw()
        stage.talk.entries[60] = replace(said("line 10", 10), mark=None)
        stage.talk.shown = replace(stage.talk.shown, queued=1)
        await stage.shows("1 queued")
        assert stage.terminal.rows[:22] == before
        stage.key("page down")
        await stage.until(lambda: stage.terminal.rows[21] == "12:04 bob: line 99")
        stage.key("page down")
        await stage.hides("↓")
        assert stage.terminal.rows[21].endswith("line 102")


@pytest.mark.parametrize("key", ["end", "alt-end", "enter"])
def test_one_key_leads_back_to_the_end(key: str) -> None:
    async def test() -> None:
        async with on_stage(*numbered(100)) as stage:
            stage.key("page up", "page up")
            await stage.shows("↓ End")
            stage.key(key)
            await stage.hides("↓")
            assert stage.terminal.rows[21].endswith("line 99")

    asyncio.run(test())


@lasting
async def test_page_up_at_the_top_asks_for_more_and_what_comes_is_above() -> None:
    async with on_stage(*numbered(30)) as stage:
        stage.key("page up")
        await stage.until(lambda: stage.terminal.rows[0].endswith("line 0"))
        assert stage.told == []
        stage.key("page up")
        await stage.until(lambda: stage.told == [("more", "")])
        stage.talk.entries[:0] = numbered(30, -30)
        stage.screen.redraw()
        stage.key("page up")
        await stage.shows("line -21")
        assert stage.terminal.rows[21].endswith("line 0")


@lasting
async def test_a_short_view_has_nothing_above_so_page_up_asks_for_more() -> None:
    async with on_stage(said("only")) as stage:
        stage.key("page up")
        await stage.until(lambda: stage.told == [("more", "")])
        assert "↓" not in stage.terminal.text


@lasting
async def test_another_view_is_shown_from_its_end() -> None:
    async with on_stage(*numbered(100)) as stage:
        stage.key("page up")
        await stage.shows("↓")
        stage.talk.conversation, stage.talk.entries = CAROL, numbered(40, 500)
        stage.screen.redraw()
        await stage.shows("line 539")
        assert "↓" not in stage.terminal.text


@lasting
async def test_a_message_longer_than_the_screen_can_be_read_from_its_beginning() -> None:
    body = "\n".join(f"row {number}" for number in range(100))
    async with on_stage(said("before"), said(body, 1), columns=40, rows=12) as stage:
        await stage.shows("row 99")
        for _ in range(11):
            stage.key("page up")
        await stage.shows("before")
        assert stage.terminal.rows[1] == "12:03 bob: row 0"
        for _ in range(11):
            stage.key("page down")
        await stage.shows("row 99")


@lasting
async def test_days_are_told_apart() -> None:
    entries = [said("old", -86400), said("new")]
    async with on_stage(*entries) as stage:
        await stage.shows("12:03 bob: new")
        assert [row.rstrip("─") for row in stage.terminal.rows[-6:-2]] == [
            "── Tuesday 24 November 2026 ",
            "12:03 bob: old",
            "── Wednesday 25 November 2026 ",
            "12:03 bob: new",
        ]


@lasting
async def test_another_size_of_the_window_is_exact_at_once() -> None:
    async with on_stage(said("word " * 40), *numbered(30, 1)) as stage:
        stage.type("draft")
        await stage.shows("alice> draft")
        for columns, rows in ((50, 10), (30, 40), (120, 24)):
            stage.terminal.resize(columns, rows)
            stage.screen._app._on_resize()
            await stage.until(
                lambda: stage.input_row == "alice> draft" and stage.terminal.rows[-3].endswith("line 30")
            )
            assert stage.terminal.look(stage.terminal.columns - 1, stage.terminal.height - 2).reverse
