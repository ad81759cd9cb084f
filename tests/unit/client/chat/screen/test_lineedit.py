"""The line being typed on the full screen: keys, pastes, own lines again, and questions."""

import asyncio

import click
import pytest

from tests.support.stage import lasting, numbered, on_stage, said


@lasting
async def test_a_pasted_block_stays_as_it_is_and_nothing_in_it_acts_on_the_terminal() -> None:
    async with on_stage() as stage:
        stage.type("see: ")
        stage.paste("one\r\ntwo\rthree\n\x1b[2J\x07\u202efour\tfive")
        await stage.shows("four  five")
        assert [row.rstrip() for row in stage.terminal.rows[-4:]] == [
            "alice> see: one",
            "       two",
            "       three",
            "       ▯[2J▯▯four  five",
        ]
        assert not {"\x07", "\u202e"} & set(stage.terminal.raw)
        stage.key("enter")
        assert await stage.line() == "see: one\ntwo\nthree\n\x1b[2J\x07\u202efour\tfive"


@lasting
async def test_pasted_bytes_that_are_no_text_are_seen_and_handed_over_as_they_are() -> None:
    async with on_stage() as stage:
        stage.keys.send_bytes(b"\x1b[200~caf\xe9 au lait\x1b[201~")
        await stage.shows("alice> caf▯ au lait")
        stage.key("enter")
        assert await stage.line() == "caf\udce9 au lait"


@lasting
async def test_a_long_paste_takes_six_rows_and_keeps_the_view() -> None:
    async with on_stage(*numbered(40)) as stage:
        stage.paste("\n".join(f"pasted {number}" for number in range(30)))
        await stage.shows("pasted 29")
        assert [row.strip() for row in stage.terminal.rows[-6:]] == [f"pasted {n}" for n in range(24, 30)]
        assert stage.status_row == stage.terminal.rows[-7]
        assert stage.terminal.rows[-8].endswith("line 39")


@lasting
async def test_alt_enter_begins_a_new_row_and_enter_sends_all() -> None:
    async with on_stage() as stage:
        stage.type("one")
        stage.key("alt-enter")
        stage.type("two")
        stage.key("enter")
        assert await stage.line() == "one\ntwo"


@lasting
async def test_own_lines_can_be_had_again_with_up_and_the_draft_with_down() -> None:
    async with on_stage() as stage:
        stage.type("first\r")
        stage.paste("two\nrows")
        stage.type("\rlast\rlast\rdraft")
        assert [await stage.line() for _ in range(4)] == ["first", "two\nrows", "last", "last"]
        for expected in ("last", "two\nrows", "two\nrows", "first", "first"):
            stage.key("up")
            await stage.drafts(expected)
        stage.key("down", "down", "down", "down", "down")
        await stage.drafts("draft")


@lasting
async def test_ctrl_c_clears_the_line_and_on_an_empty_one_stops_what_runs() -> None:
    async with on_stage() as stage:
        stage.type("nonsense")
        await stage.shows("nonsense")
        stage.key("ctrl-c")
        await stage.hides("nonsense")
        assert stage.told == []
        stage.key("ctrl-c")
        await stage.until(lambda: stage.told == [("interrupt", "")])


@lasting
async def test_ctrl_d_ends_on_an_empty_line_only() -> None:
    async with on_stage() as stage:
        stage.type("ab")
        stage.key("ctrl-a", "ctrl-d")
        stage.key("enter")
        assert await stage.line() == "b"
        stage.key("ctrl-d")
        assert await stage.line() is None


@lasting
async def test_the_end_of_the_terminal_is_the_end_of_input() -> None:
    async with on_stage() as stage:
        stage.keys.close()
        assert await stage.line() is None


@lasting
async def test_ctrl_l_paints_everything_anew() -> None:
    async with on_stage(said("hi")) as stage:
        await stage.shows("hi")
        stage.terminal.write("\x1b[5;1Hrubbish of another program")
        stage.key("ctrl-l")
        await stage.hides("rubbish")
        assert "12:03 bob: hi" in stage.terminal.rows


@lasting
async def test_a_draft_is_put_there_and_told() -> None:
    async with on_stage() as stage:
        stage.screen.set_draft("back\x1b again")
        await stage.shows("alice> back▯ again")
        assert stage.screen.draft == "back\x1b again"
        stage.type("!")
        await stage.shows("back▯ again!")


@lasting
async def test_an_offered_draft_is_sent_changed_or_replaced_and_never_glued_to() -> None:
    async with on_stage() as stage:
        for keys, becomes in (
            ("", "offered"),
            ("new", "new"),
            ("\x1b[D!", "offere!d"),
            ("\x1b[200~p\x1b[201~", "p"),
        ):
            stage.screen.set_draft("offered", offered=True)
            await stage.drafts("offered")
            stage.type(keys)
            stage.key("enter")
            assert await stage.line() == becomes
        stage.screen.set_draft("offered", offered=True)
        await stage.drafts("offered")
        stage.key("ctrl-c")
        stage.type("on\r")
        assert await stage.line() == "on"


# -- questions --------------------------------------------------------------------------------------


@lasting
async def test_a_question_borrows_the_line_and_gives_the_draft_back() -> None:
    async with on_stage() as stage:
        stage.type("my draft")
        await stage.shows("my draft")
        asked = stage.ask("Sure? [y/N] ")
        await stage.shows("Sure? [y/N]")
        assert stage.input_row == "Sure? [y/N]"
        assert stage.screen.draft == "my draft"
        stage.type("yes\r, goes on")
        assert await asked == "yes"
        await stage.shows("alice> my draft, goes on")


@lasting
async def test_a_hidden_answer_is_seen_nowhere_and_never_comes_back() -> None:
    async with on_stage() as stage:
        asked = stage.ask("Password: ", hidden=True)
        await stage.shows("Password:")
        stage.type("sesame")
        await stage.shows("Password: ******")
        stage.key("ctrl-u")
        stage.type("sesame\r")
        assert await asked == "sesame"
        await stage.shows("alice>")
        stage.key("up", "ctrl-y")
        stage.type("x")
        await stage.shows("alice> x")
        assert "sesame" not in stage.terminal.raw
        assert stage.input_row == "alice> x"


@pytest.mark.parametrize(("key", "error"), [("ctrl-c", click.Abort), ("ctrl-d", EOFError)])
def test_a_question_can_be_left_open(key: str, error: type[BaseException]) -> None:
    async def test() -> None:
        async with on_stage() as stage:
            asked = stage.ask("Name: ")
            await stage.shows("Name:")
            stage.key(key)
            with pytest.raises(error):
                await asked
            await stage.shows("alice>")
            assert stage.told == []

    asyncio.run(test())


@lasting
async def test_a_long_question_stands_above_the_line() -> None:
    question = "The broker is new here. Its key has the fingerprint\n  aaaa-bbbb-cccc\nIs that right? [y/N] "
    async with on_stage() as stage:
        asked = stage.ask(question)
        await stage.shows("Is that right?")
        assert stage.terminal.rows[-4:] == [*(row.rstrip() for row in question.split("\n")), ">"]
        stage.type("y\r")
        assert await asked == "y"
        await stage.hides("Is that right?")


@lasting
async def test_two_questions_are_asked_one_after_the_other_and_a_cancelled_one_goes_away() -> None:
    async with on_stage() as stage:
        first = stage.ask("First? ")
        second = stage.ask("Second? ")
        await stage.shows("First?")
        first.cancel()
        await stage.shows("Second?")
        stage.type("2\r")
        assert await second == "2"
        await stage.shows("alice>")
