"""Being told by bell and notification, as the bytes that a terminal gets: `watch --notify`, and the chat."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from cnmessage_client import SyncClient
from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_terminal import ATTACKS
from tests.support.chat import Chat, open_chat, talker
from tests.support.harness import BIN, eventually
from tests.support.patience import PATIENCE
from tests.support.terminal import ScreenTerminal

NOTIFIED = re.compile(rb"\x1b\]9;([^\x07]*)\x07\x07")


def watch(cli: Cli, profile: str, *words: str, behind: str = "", **environment: str) -> ScreenTerminal:
    """`watch --notify` in a terminal; `behind`: what a shell's line has behind it."""
    command = [str(BIN / "cnmessage"), "--profile", profile, "watch", "--notify", *words]
    if behind:
        command = ["/bin/sh", "-c", f'"$@" {behind}', "sh", *command]
    return ScreenTerminal(command, cli.environment(TERM="xterm-256color", LANG="C.UTF-8", **environment))


def notified(terminal: ScreenTerminal) -> list[str]:
    """The texts of all notifications so far."""
    return [found.decode() for found in NOTIFIED.findall(terminal.raw)]


def until_notified(terminal: ScreenTerminal, text: str) -> list[str]:
    """Wait for this notification; gives all of them."""
    terminal.wait(lambda _: text in notified(terminal), f"the notification {text!r}")
    return notified(terminal)


def _count(text: str) -> int:
    """How many messages a notification tells of."""
    found = re.match(r"cnmessage: (\d+) more from ", text)
    return 1 if found is None else int(found[1])


# -- watch ------------------------------------------------------------------------------------------


def test_watch_rings_for_each_message_and_shows_a_notification(cli: Cli) -> None:
    cli.accounts("told1", "told2")
    with watch(cli, "told1") as terminal, talker(cli.home, "told2", cli.address) as other:
        terminal.until("Watching")
        other.send("told1", "dinner; at eight?")
        assert until_notified(terminal, "told2: dinner, at eight?") == ["told2: dinner, at eight?"]
        terminal.until("dinner; at eight?")
        assert terminal.bells == 1
        other.broadcast("all of you")
        until_notified(terminal, "told2 → all: all of you")
        terminal.key("ctrl-c")
        assert terminal.finish() == 130


def test_of_a_flood_the_next_notification_says_how_many_more_came(cli: Cli) -> None:
    cli.accounts("flood1", "bot1", "carol1")
    for number in range(7):
        cli.ok("--profile", "bot1", "send", "flood1", f"line {number}")
        cli.ok("--profile", "carol1", "send", "flood1", f"line {number}")
    with watch(cli, "flood1", "--count", "14") as terminal:
        assert terminal.finish() == 0
        first, *more = notified(terminal)
        assert first == "bot1: line 0"
        # One a second: a slow machine may tell of some of them before the end.
        assert sum(map(_count, more)) == 13
        assert len(more) < 4


@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_piped_data_is_as_ever_and_the_terminal_is_told(
    cli: Cli, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    cli.accounts("pipe1", "pipe2")
    for text in ("one", "two"):
        cli.ok("--profile", "pipe2", "send", "pipe1", text)
    out, err = tmp_path / "out", tmp_path / "err"
    with watch(cli, "pipe1", *mode, "--count", "2", behind=f">{out} 2>{err}") as terminal:
        assert terminal.finish() == 0
        assert notified(terminal) == ["pipe2: one", "pipe2: two"]
        assert terminal.lines[0] == ""
    assert not {b"\x1b", b"\a"} & {bytes([each]) for each in out.read_bytes() + err.read_bytes()}
    lines = out.read_text().splitlines()
    bodies = [json.loads(line)["body"] if mode else line.split("\t")[5] for line in lines]
    assert bodies == ["one", "two"]


def test_without_a_terminal_it_is_refused_with_what_to_do_and_nothing_is_read(cli: Cli) -> None:
    cli.accounts("cron1", "cron2")
    cli.ok("--profile", "cron2", "send", "cron1", "hi")
    command = [str(BIN / "cnmessage"), "--profile", "cron1", "watch", "--notify", "--count", "1"]
    done = subprocess.run(
        command,
        env=cli.environment(TERM="xterm"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "cnmessage: --notify needs a terminal, and there is none here; leave it out, or use --exec COMMAND\n"
    )
    assert cli.ok("--profile", "cron1", "whoami", "--json").objects[0]["unread"] == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "foot"}, b"\x1b]777;notify;term2;hi\a\a"),
        ({"TMUX": "x"}, b"\x1bPtmux;\x1b\x1b]9;term2: hi\a\x1b\\\a"),
        ({"TERM": "screen"}, b"\x1bP\x1b]9;term2: hi\a\x1b\\\a"),
        ({"TERM": "dumb"}, b"\a"),
    ],
)
def test_each_terminal_gets_what_it_knows(cli: Cli, environment: dict[str, str], expected: bytes) -> None:
    cli.accounts("term1", "term2")
    cli.ok("--profile", "term2", "send", "term1", "hi")
    command = [str(BIN / "cnmessage"), "--profile", "term1", "watch", "--notify", "--count", "1"]
    known = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}
    with ScreenTerminal(command, cli.environment(**known)) as terminal:
        assert terminal.finish() == 0
        assert terminal.raw.count(expected) == 1
        assert terminal.raw.count(b"\a") == expected.count(b"\a")
        assert terminal.raw.count(b"\x1b]") + terminal.raw.count(b"\x1bP") == expected.count(b"\x1b]") + expected.count(b"\x1bP")  # fmt: skip  # noqa: E501


def test_no_text_acts_on_the_terminal_by_way_of_a_notification(cli: Cli) -> None:
    cli.accounts("good1", "evil1")
    attacks = [*ATTACKS, "\x1b\\\x1b]0;owned\a", "\x9c\x9d0;owned\x9c", ";;notify;x;y", "漢" * 21_000]
    with watch(cli, "good1", "--count", str(len(attacks) + 1)) as terminal:
        terminal.until("Watching")
        with SyncClient(home=cli.home, profile="evil1", broker=cli.address) as evil:
            for attack in attacks:
                # Each after the notification of the last: none is folded away.
                before = len(notified(terminal))
                evil.send("good1", attack)
                eventually(lambda count=before: len(notified(terminal)) > count)  # type: ignore[misc]
            evil.send("good1", "the end")
        assert terminal.finish() == 0
        assert not terminal.title_set
        texts = notified(terminal)
        assert len(texts) == len(attacks) + 1
        assert all(text.startswith("evil1: ") and ";" not in text and len(text) < 270 for text in texts)
        assert terminal.raw.count(b"\a") == 2 * len(texts)  # ours, none of theirs
        assert terminal.raw.count(b"\x1b]") == len(texts)


# -- the chat ---------------------------------------------------------------------------------------


def in_conversation(cli: Cli, user: str, partner: str) -> Chat:
    """A chat in the conversation with somebody."""
    chat = open_chat(cli, user, partner)
    chat.online()
    chat.until_line(f"{user} → {partner}>")
    return chat


def test_the_chat_rings_for_what_is_not_on_screen(cli: Cli) -> None:
    cli.accounts("seen1", "bob1", "dan1")
    with (
        in_conversation(cli, "seen1", "bob1") as chat,
        talker(cli.home, "bob1", cli.address) as bob,
        talker(cli.home, "dan1", cli.address) as dan,
    ):
        bob.send("seen1", "you see this")
        chat.said("you see this")
        dan.send("seen1", "and not this")
        assert until_notified(chat, "dan1: and not this") == ["dan1: and not this"]
        assert chat.bells == 1
        chat.type("\x1b[O")  # the terminal has lost the focus
        chat.type("half")
        chat.until_line("seen1 → bob1> half")
        bob.send("seen1", "you see it later")
        until_notified(chat, "bob1: you see it later")
        chat.type("\x1b[I")
        chat.type(" a line")
        chat.until_line("seen1 → bob1> half a line")
        bob.send("seen1", "you look again")
        chat.said("you look again")
        dan.send("seen1", "the last one")
        told = until_notified(chat, "dan1: the last one")
        assert not [text for text in told if "look again" in text]


def test_the_level_says_what_rings_and_is_kept_for_the_next_chat(cli: Cli) -> None:
    cli.accounts("loud1", "bob2", "dan2")
    with talker(cli.home, "bob2", cli.address) as bob, talker(cli.home, "dan2", cli.address) as dan:
        with in_conversation(cli, "loud1", "bob2") as chat:
            chat.enter("/notify")
            chat.until("notify mentions: messages to you ring")
            dan.broadcast("for everyone")
            chat.until("for everyone")
            dan.broadcast("for @Loud1, too")
            assert until_notified(chat, "dan2 → all: for @Loud1, too") == ["dan2 → all: for @Loud1, too"]
            chat.enter("/notify all")
            chat.until("notify all: every message rings")
            dan.broadcast("now this")
            until_notified(chat, "dan2 → all: now this")
            chat.enter("/notify None")
            chat.until("notify none: nothing rings")
            chat.enter("/notify loudly")
            chat.until("write: /notify [all|mentions|none], for example: /notify none")
        with in_conversation(cli, "loud1", "bob2") as chat:
            chat.enter("/notify")
            chat.until("notify none: nothing rings")
            dan.send("loud1", "@loud1 are you there?")
            chat.until("are you there?")
            bob.send("loud1", "yes")
            chat.said("yes")
            chat.enter("/notify mentions")
            chat.until("notify mentions: messages to you ring")
            dan.send("loud1", "at last")
            assert until_notified(chat, "dan2: at last") == ["dan2: at last"]
            chat.key("ctrl-d")
            assert chat.finish() == 0


def test_a_level_that_is_damaged_is_told_and_the_chat_goes_on(cli: Cli) -> None:
    cli.accounts("dam1", "dam2")
    path = cli.home.profile("dam1").chat_settings
    path.write_text('notify = "loud"\n')
    with open_chat(cli, "dam1", columns=200) as chat:
        chat.online()
        chat.until("is damaged: notify is one of all, mentions, none, not 'loud'; correct or remove it")
        chat.enter("notify all")
        chat.until("notify all: every message rings")
    assert path.read_text() == 'notify = "all"\n'


def test_a_plain_chat_on_a_terminal_rings_with_the_bell_alone(cli: Cli) -> None:
    cli.accounts("plain1", "plain2")
    with open_chat(cli, "plain1", "--plain") as chat, talker(cli.home, "plain2", cli.address) as other:
        chat.until("[online]")
        other.send("plain1", "hello")
        chat.until("plain2: hello")
        chat.wait(lambda _: chat.bells == 1, "the bell")
        assert b"\x1b" not in chat.raw


# -- floods -----------------------------------------------------------------------------------------


def test_a_hundred_scripts_that_come_and_go_make_no_line_anywhere(cli: Cli) -> None:
    names = [f"script{number}" for number in range(100)]
    cli.accounts("calm1", "calm2", *names)
    with (
        open_chat(cli, "calm1") as chat,
        open_chat(cli, "calm1", "--plain") as plain,
        watch(cli, "calm1") as watching,
    ):
        shown = (chat, plain, watching)
        chat.online()
        chat.enter("to calm2")
        chat.until_line("calm1 → calm2>")
        plain.until("[online]")
        watching.until("Watching")
        for name in names:
            with talker(cli.home, name, cli.address):
                pass
        cli.ok("--profile", "calm2", "send", "calm1", "the end")
        for terminal in shown:
            terminal.until("the end")
            assert "script" not in terminal.raw.decode()
        assert notified(watching) == ["calm2: the end"]
        assert len([row for row in chat.body if row]) == 1


def test_a_hundred_messages_of_a_bot_are_one_line_and_few_notifications(cli: Cli) -> None:
    cli.accounts("here1", "carol3", "bot3")
    with in_conversation(cli, "here1", "carol3") as chat, talker(cli.home, "bot3", cli.address) as bot:
        for number in range(100):
            bot.send("here1", f"number {number}")
        chat.said("» bot3: 100 new, last: number 99")
        assert len([row for row in chat.body if "bot3" in row]) == 1
        chat.until_status("unread: bot3 100 ")
        chat.wait(lambda _: sum(map(_count, notified(chat))) == 100, "all to be told")
