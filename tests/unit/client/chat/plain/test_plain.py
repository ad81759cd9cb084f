"""The plain screen: one event a line, nothing drawn twice."""

import asyncio
import json
from dataclasses import replace

from cnmessage_client.chat.talk.entries import Mark, Note, Output, Preview, Rule, Trouble, Typed
from cnmessage_client.model import TransferProgress
from tests.support.conversations import BOB
from tests.support.pipes import FILE, NOON, own, piped, said, show

# -- what is printed --------------------------------------------------------------------------------


def test_messages_go_to_stdout_all_else_to_stderr_and_each_is_one_line() -> None:
    async def test() -> None:
        async with piped() as pipes:
            show(
                pipes.screen,
                said("one\ntwo\x1b[2J\u202e"),
                Note("carol came"),
                said("hi", 1, to=("alice", "carol")),
                Trouble("there is no command 'x'"),
                said("hi", 2, to=("all",), kind="broadcast"),
                Rule("new"),
                Preview(said("psst\nall of it " + "x" * 500, 3, sender="dave")),
                said("", 4, file=FILE, kind="file"),
                Typed("> ", "history"),
                Output("a\tb\nc"),
            )
            assert pipes.out.lines(7) == [
                r"12:03:07 bob: one\ntwo[2J",
                "12:03:08 bob → alice, carol: hi",
                "12:03:09 bob → all: hi",
                r"12:03:10 dave: psst\nall of it " + "x" * 500,
                "12:03:11 bob: [file] a.pdf, 1.2 MiB · /files get 1a2b3c4d",
                "a\tb",
                "c",
            ]
            assert pipes.err.lines(4) == ["[online]", "carol came", "there is no command 'x'", "new"]
            assert pipes.out.seen == pipes.err.seen == b""

    asyncio.run(test())


def test_own_lines_are_told_once_a_mark() -> None:
    async def test() -> None:
        async with piped() as pipes:
            for entry, again in (
                (own(Mark.QUEUED), False),
                (own(Mark.STORED), True),
                (own(Mark.STORED, seq=7), True),
                (own(Mark.DELIVERED), True),
                (replace(own(Mark.FAILED, "x" * 100, reason="no such\nuser"), key="other"), True),
            ):
                pipes.screen.show(entry, again=again)
            assert pipes.err.lines(5) == [
                "[online]",
                "[queued] → bob: hi",
                "[stored] → bob: hi",
                "[delivered] → bob: hi",
                f"[failed] → bob: {'x' * 60}… · no such\\nuser · /retry",
            ]
            show(pipes.screen, said("end"))
            assert pipes.out.lines(1) == ["12:03:07 bob: end"]

    asyncio.run(test())


def test_what_another_view_holds_is_printed_once_with_its_date() -> None:
    async def test() -> None:
        async with piped() as pipes:
            show(pipes.screen, said("seen", 1))
            pipes.talk.conversation = BOB
            pipes.talk.entries = [
                said("older", 0),
                said("seen", 1),
                Rule("new"),
                said("mine", 2, sender="alice", to=("bob",), mark=Mark.DELIVERED),
                own(Mark.QUEUED),
            ]
            pipes.screen.redraw()
            pipes.screen.redraw()
            show(pipes.screen, said("later", 3))
            assert pipes.out.lines(4) == [
                "12:03:08 bob: seen",
                "2026-11-25 12:03:07 bob: older",
                "2026-11-25 12:03:09 alice → bob: mine",
                "12:03:10 bob: later",
            ]
            assert pipes.err.lines(3) == ["[online]", "[to bob]", "new"]
            pipes.talk.conversation = None
            pipes.screen.redraw()
            assert pipes.err.lines(1) == ["[home]"]

    asyncio.run(test())


def test_how_far_earlier_messages_have_come_is_not_told_line_by_line() -> None:
    async def test() -> None:
        async with piped() as pipes:
            earlier = own(Mark.STORED, seq=3)
            pipes.talk.entries = [earlier]
            pipes.screen.redraw()
            pipes.screen.show(replace(earlier, mark=Mark.DELIVERED), again=True)
            fresh = replace(own(Mark.QUEUED), key="fresh")
            pipes.screen.show(fresh, again=False)
            pipes.screen.show(replace(fresh, mark=Mark.DELIVERED), again=True)
            assert pipes.err.lines(3) == ["[online]", "[queued] → bob: hi", "[delivered] → bob: hi"]
            assert pipes.out.lines(1) == ["2026-11-25 12:04:46 alice → bob: hi"]

    asyncio.run(test())


def test_the_connection_is_told_when_it_changes_but_no_countdown() -> None:
    async def test() -> None:
        async with piped() as pipes:
            for connection in (
                "connecting",
                "online",
                "reconnecting in 4 s (try 1)",
                "reconnecting in 3 s (try 1)",
                "online",
            ):
                pipes.talk.shown = replace(pipes.talk.shown, connection=connection)
                pipes.screen.redraw()
            show(pipes.screen, Note("end"))
            assert pipes.err.lines(5) == [
                "[connecting]",
                "[online]",
                "[reconnecting in 4 s (try 1)]",
                "[online]",
                "end",
            ]

    asyncio.run(test())


def test_with_json_everything_is_an_object() -> None:
    async def test() -> None:
        async with piped(as_json=True) as pipes:
            show(pipes.screen, said("a\nb\x1b"), own(Mark.QUEUED))
            pipes.screen.show(own(Mark.STORED, id="id-1"), again=True)
            show(pipes.screen, Note("x"), own(Mark.FAILED, reason="no"))
            show(pipes.screen, said("", 3, file=FILE, kind="file"))
            objects = [json.loads(line) for line in pipes.out.lines(5)]
            assert objects.pop(1)["status"] == "queued"
            time = (NOON - NOON.utcoffset()).replace(tzinfo=None).isoformat()  # type: ignore[operator]
            assert objects[0] == {
                "id": "k0",
                "seq": 0,
                "kind": "direct",
                "from": "bob",
                "to": ["alice"],
                "time": f"{time}.000Z",
                "body": "a\nb\x1b",
            }
            assert objects[1] == {"id": "id-1", "client_id": "k99", "status": "stored", "recipients": 1}
            assert objects[2] == {
                "id": None,
                "client_id": "k99",
                "status": "failed",
                "recipients": 1,
                "reason": "no",
            }
            assert objects[3]["file"] == FILE.as_json()
            assert [json.loads(line) for line in pipes.err.lines(2)] == [{"note": "[online]"}, {"note": "x"}]
            with pipes.screen.view("sending") as view:
                view.moved("x", TransferProgress("a", None, "waiting", 0, 1, 0))
            assert json.loads(pipes.out.lines(1)[0])["progress"]["name"] == "a"

    asyncio.run(test())


def test_own_messages_of_elsewhere_and_of_earlier_are_messages_and_no_news() -> None:
    async def test() -> None:
        async with piped(as_json=True) as pipes:
            elsewhere = own(Mark.STORED, "of my phone", seq=3, id="id-3")
            earlier = replace(own(Mark.DELIVERED, "of yesterday", seq=1, id="id-1"), key="earlier")
            show(pipes.screen, elsewhere)
            pipes.screen.show(replace(elsewhere, mark=Mark.DELIVERED), again=True)
            pipes.screen.show(replace(elsewhere, key="never shown"), again=True)
            pipes.talk.entries = [earlier, elsewhere]
            pipes.screen.redraw()
            show(pipes.screen, said("end"))
            objects = [json.loads(line) for line in pipes.out.lines(3)]
            assert [(each["id"], each["from"], each["body"]) for each in objects[:2]] == [
                ("id-3", "alice", "of my phone"),
                ("id-1", "alice", "of yesterday"),
            ]
            assert objects[2]["body"] == "end"

    asyncio.run(test())


def test_commands_print_from_their_threads_and_files_have_few_lines() -> None:
    async def test() -> None:
        async with piped() as pipes:
            surface = pipes.screen.surface
            assert (surface.person, surface.colour) == (False, False)

            def command() -> None:
                surface.out("data")
                with pipes.screen.view("sending") as view:
                    view.moved("x", TransferProgress("a.txt", None, "sending", 0, 1 << 20, 0))

            await asyncio.to_thread(command)
            assert pipes.out.lines(1) == ["data"]
            assert pipes.err.lines(1) == ["sending a.txt, 1.0 MiB"]

    asyncio.run(test())
