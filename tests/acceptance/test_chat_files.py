"""Files in the chat: transfers beside the talk, one line each that changes in place, and stopping one."""

import hashlib
import os
import re
import signal
from pathlib import Path

from tests.acceptance.conftest import Cli
from tests.support.chat import open_chat, talker
from tests.support.harness import BrokerProcess, eventually, home_at

SIZE = 96 << 20


def test_a_file_is_sent_offered_and_fetched_and_its_sender_hears_of_it(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("file1", "file2")
    (tmp_path / "a.txt").write_bytes(os.urandom(5000))
    (tmp_path / "there").mkdir()
    with open_chat(cli, "file1") as one, open_chat(cli, "file2") as two:
        one.online()
        two.online()
        one.enter(f"sendfile file2 {tmp_path}/a.txt")
        one.until(re.compile(r"a\.txt, 4\.9 KiB: stored for 1 user"))
        two.until(re.compile(r"file1: \[file\] a\.txt, 4\.9 KiB"))
        two.enter(f"getfile a.txt -o {tmp_path}/there")
        two.until("fetched")
        one.until("file2 has fetched a.txt")
    assert (tmp_path / "there" / "a.txt").read_bytes() == (tmp_path / "a.txt").read_bytes()


def test_typing_and_talking_go_on_while_a_file_moves_and_ctrl_c_stops_it(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = Cli(home_at(tmp_path / "home"), broker_process.address)
    cli.accounts("move1", "move2")
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
    with open_chat(cli, "move1") as chat, open_chat(cli, "move2") as other:
        chat.online()
        other.online()
        chat.enter("to move2")
        chat.until_line("move1 → move2>")
        chat.enter(f"/files send move2 {path}")
        chat.until(re.compile(r"↑ large\.bin +\d+ %"))
        chat.enter("meanwhile")
        other.said("meanwhile")
        assert "[file]" not in other.text
        assert broker_process.process is not None
        broker_process.process.send_signal(signal.SIGSTOP)  # or it would be there too soon
        chat.type("half a line")
        chat.until_line("move1 → move2> half a line")
        chat.key("ctrl-c")  # clears the line
        chat.until_line("move1 → move2>")
        assert "↑ large.bin" in chat.text
        chat.key("ctrl-c")  # stops the transfer
        chat.until("Stopped. What is done is kept: the same command again goes on from there.")
        assert "↑ large.bin" not in chat.text
        broker_process.process.send_signal(signal.SIGCONT)
        chat.online()
        chat.enter(f"/files send move2 {path}")
        chat.until(re.compile(r"large\.bin, 96\.0 MiB: stored for 1 user"))
        other.until("[file] large.bin, 96.0 MiB")
        other.enter(f"files get large.bin -o {tmp_path / 'home'}")
        other.until("fetched")
        digests = [
            hashlib.sha256(each.read_bytes()).digest() for each in (path, tmp_path / "home" / path.name)
        ]
        assert digests[0] == digests[1]


def test_who_leaves_while_a_file_moves_is_told_what_was_stopped(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = Cli(home_at(tmp_path / "home"), broker_process.address)
    cli.accounts("leave1", "leave2")
    path = tmp_path / "f.bin"
    path.write_bytes(os.urandom(SIZE))
    with open_chat(cli, "leave1") as chat:
        chat.online()
        chat.enter(f"files send leave2 {path}")
        chat.until(re.compile(r"↑ f\.bin +\d+ %"))
        assert broker_process.process is not None
        broker_process.process.send_signal(signal.SIGSTOP)
        chat.key("ctrl-d")
        assert chat.finish() == 0
        assert f"stopped: files send leave2 {path}" in "".join(chat.lines)
        broker_process.process.send_signal(signal.SIGCONT)


def test_a_text_that_is_too_long_for_a_message_goes_as_a_file(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("long1", "long2")
    text = "\n".join(f"{number:06} " + "y" * 92 for number in range(700))  # 70,000 bytes and some
    with open_chat(cli, "long1") as chat, talker(cli.home, "long2", cli.address) as other:
        chat.online()
        chat.enter("to long2")
        chat.until_line("long1 → long2>")
        chat.paste(text)
        chat.key("enter")
        chat.until(re.compile(r"as a\s+file\? \[y/N\]"))
        chat.until_line("[y/N]")
        chat.enter("y")
        chat.until("stored for 1 user")
        (info,) = other.files(sent=False)
        assert info.sha256 == hashlib.sha256(text.encode()).hexdigest()
        eventually(lambda: not list(cli.home.state.rglob("spool/*")))  # nothing is left behind


def test_an_offer_that_is_over_is_shown_so_wherever_it_stands(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("over1", "over2")
    for name in ("taken.txt", "short.txt", "unwanted.txt", "kept.txt"):
        (tmp_path / name).write_text(name)
    with (
        open_chat(cli, "over2") as chat,
        open_chat(cli, "over1") as own,
        open_chat(cli, "over2", "--plain", columns=120) as plain,
    ):
        chat.online()
        own.online()
        plain.until("[online]")
        for name, *more in (
            ("taken.txt",),
            ("short.txt", "--expires", "3s"),
            ("unwanted.txt",),
            ("kept.txt",),
        ):
            cli.ok("--profile", "over1", "files", "send", "over2", str(tmp_path / name), *more)
            chat.until(re.compile(rf"\[file\] {name}, .* · /files get"))
        cli.ok("--profile", "over1", "files", "rm", "taken.txt")
        chat.enter("files cancel unwanted.txt")
        for name, gone in (
            ("taken.txt", "withdrawn"),
            ("short.txt", "expired"),
            ("unwanted.txt", "declined"),
        ):
            chat.until(re.compile(rf"\[file\] {name}, \d+ bytes · {gone}$", re.MULTILINE))
            plain.until(f"[{gone}] over1: {name}")
            if gone != "declined":  # which ends it for nobody else
                own.until(re.compile(rf"\[file\] {name}, \d+ bytes · {gone} ✓+$", re.MULTILINE))
        assert re.search(r"\[file\] kept.txt, \d+ bytes · /files get", chat.text)
    with open_chat(cli, "over2") as chat, open_chat(cli, "over2", "--plain", columns=120) as plain:
        for one in (chat, plain):
            one.until("online")
            one.enter("to over1")
            one.until(re.compile(r"\[file\] taken.txt, \d+ bytes · withdrawn$", re.MULTILINE))
            one.until(re.compile(r"\[file\] kept.txt, \d+ bytes · /files get", re.MULTILINE))
    with open_chat(cli, "over1", "over2") as own:
        own.until(re.compile(r"\[file\] taken.txt, \d+ bytes · withdrawn ✓+$", re.MULTILINE))
        own.until(re.compile(r"\[file\] kept.txt, \d+ bytes ✓+$", re.MULTILINE))
