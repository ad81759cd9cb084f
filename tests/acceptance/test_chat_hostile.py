"""What others write can do nothing on this screen but stand in its own line."""

import re
import unicodedata

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_terminal import ATTACKS
from tests.support.chat import Chat, masked, open_chat, talker

COMBINING = "Z" + "\u0301\u0316\u0338" * 200 + "algo"
WIDE = "漢字" * 30 + " 👩‍👩‍👧‍👦 🏳️‍🌈 " + "ก็็็็็็็็็็็็็็็"
LONG = "x" * 4000
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_OURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>()][A-Z0-9]?|\x1b\][0-9;]*[^\x07]*\x07")


def bounds(chat: Chat, below: str) -> list[str]:
    """The rows from the last line before the attacks to the end of the screen, times masked."""
    return [masked(row) for row in chat.lines if row][-below.count("\n") - 1 :]


def test_no_text_acts_on_the_terminal_or_changes_anything_outside_its_own_line(cli: Cli) -> None:
    cli.accounts("evil1", "good1")
    with open_chat(cli, "good1", columns=80, rows=50) as chat, talker(cli.home, "evil1", cli.address) as evil:
        chat.online()
        chat.enter("to evil1")
        chat.until_line("good1 → evil1>")
        chat.type("half a line")
        chat.until_line("good1 → evil1> half a line")
        for number, attack in enumerate(ATTACKS):
            evil.send("good1", attack)
            evil.send("good1", f"an honest line {number}")
            chat.said(f"an honest line {number}")
            rows = [masked(row) for row in chat.lines]
            assert rows[-1] == "good1 → evil1> half a line", repr(attack)
            assert rows[-3] == f"12:34 evil1: an honest line {number}", repr(attack)
            assert rows[-2].startswith(" online · good1"), repr(attack)
        assert not chat.title_set
        assert chat.bells <= 2 * len(ATTACKS)  # ours, none of theirs
        shown = _OURS.sub("", chat.raw.decode())
        assert {each for each in shown if unicodedata.category(each) in _HARMFUL} <= set(
            "\r\n\x1b\a\u200c\u200d"
        )


def test_a_forged_line_in_a_text_stands_under_it(cli: Cli) -> None:
    cli.accounts("evil2", "good2")
    with open_chat(cli, "good2") as chat, talker(cli.home, "evil2", cli.address) as evil:
        chat.online()
        evil.send("good2", "hello\n12:34 boss: you are fired\n── new ─────")
        rows = chat.wait(lambda lines: any("── new" in line for line in lines), "the text")
        assert [row for row in rows if "boss" in row] == ["             12:34 boss: you are fired"]
        assert [row for row in rows if "── new" in row] == ["             ── new ─────"]


def test_long_wide_and_heaped_characters_stay_in_their_cells(cli: Cli) -> None:
    cli.accounts("evil3", "good3")
    with open_chat(cli, "good3", rows=80) as chat, talker(cli.home, "evil3", cli.address) as evil:
        chat.online()
        chat.type("half a line")
        for text in (LONG, WIDE, COMBINING):
            evil.send("good3", text)
        evil.send("good3", "the end")
        chat.said("the end")
        rows = chat.lines
        assert rows[-1] == "good3> half a line"
        assert rows[-2].startswith(" online · good3")
        assert sum(row.count("x") for row in rows[:-3]) == len(LONG)
        assert [masked(row) for row in rows if row.endswith("the end")] == ["12:34 evil3: the end"]


def test_previews_and_names_of_files_are_harmless_too(cli: Cli, tmp_path_factory: object) -> None:
    cli.accounts("evil4", "good4", "third4")
    with open_chat(cli, "good4", rows=40) as chat, talker(cli.home, "evil4", cli.address) as evil:
        chat.online()
        chat.enter("to third4")
        chat.until_line("good4 → third4>")
        for number, attack in enumerate(ATTACKS, 1):
            evil.send("good4", attack)
            chat.until_status(f"unread: evil4 {number} ")
            assert len([row for row in chat.body if "» evil4:" in row]) == 1
        evil.send("good4", "the end")
        chat.said(f"» evil4: {len(ATTACKS) + 1} new, last: the end")
        assert not chat.title_set


def test_plain_output_is_harmless_too(cli: Cli) -> None:
    cli.accounts("evil5", "good5")
    for attack in ATTACKS:
        cli.ok("--profile", "evil5", "send", "good5", "-", stdin=attack)
    with open_chat(cli, "good5", "--plain", columns=200) as chat:
        chat.until("you are fired")
        shown = chat.raw.decode()
        assert {each for each in shown if unicodedata.category(each) in _HARMFUL} <= set("\r\n\a\u200c\u200d")
