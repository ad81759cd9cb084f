"""The bell and the escape sequences of notifications: which terminal gets which, and what no text can do."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.ringing import Notification
from cnmessage_client.shell.out.osc import sequence

HI = Notification("bob", "hi")
NINE, WITH_TITLE = "\x1b]9;bob: hi\a", "\x1b]777;notify;bob;hi\a"
XTERM = {"TERM": "xterm-256color"}
TMUX = {"TERM": "tmux-256color", "TMUX": "/run/tmux,1,0"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (XTERM, NINE),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app"}, NINE),
        ({"TERM": "xterm-kitty"}, NINE),
        ({**XTERM, "WT_SESSION": "1"}, NINE),
        ({**XTERM, "TERM_PROGRAM": "WezTerm"}, WITH_TITLE),
        ({**XTERM, "TERM_PROGRAM": "ghostty"}, WITH_TITLE),
        ({"TERM": "xterm-ghostty"}, WITH_TITLE),
        ({"TERM": "foot"}, WITH_TITLE),
        ({"TERM": "rxvt-unicode-256color"}, WITH_TITLE),
        ({**XTERM, "VTE_VERSION": "7600"}, WITH_TITLE),
        ({**XTERM, "KONSOLE_VERSION": "240800"}, WITH_TITLE),
        (TMUX, "\x1bPtmux;\x1b\x1b]9;bob: hi\a\x1b\\"),
        ({"TERM": "screen-256color", "TMUX": "x"}, "\x1bPtmux;\x1b\x1b]9;bob: hi\a\x1b\\"),
        ({**XTERM, "TERM_PROGRAM": "tmux"}, "\x1bPtmux;\x1b\x1b]9;bob: hi\a\x1b\\"),
        ({**TMUX, "VTE_VERSION": "7600"}, "\x1bPtmux;\x1b\x1b]777;notify;bob;hi\a\x1b\\"),
        ({"TERM": "screen.xterm-256color", "STY": "1.pts"}, "\x1bP\x1b]9;bob: hi\a\x1b\\"),
        ({"TERM": "screen"}, "\x1bP\x1b]9;bob: hi\a\x1b\\"),
        *(({"TERM": term}, "") for term in ("", "dumb", "unknown", "linux", "vt220", "LINUX")),
        ({}, ""),
    ],
)
def test_each_terminal_gets_what_it_knows_and_the_bell_in_any_case(
    environment: dict[str, str], expected: str
) -> None:
    assert sequence(HI, environment) == f"{expected}\a"


def test_a_number_in_front_is_no_command_for_the_terminal() -> None:
    assert sequence(Notification("4", "1"), XTERM) == "\x1b]9;cnmessage: 4: 1\a\a"


FIELD = r"([^;\x00-\x1f\x7f-\x9f]*)"
FRAME = re.compile(rf"\x1b\](?:9;{FIELD}|777;notify;{FIELD};{FIELD})\a\a")
HOSTILE = (
    "\x1b\\", "\a", "\x9c", "\x1b]0;owned\a", "\x9d0;owned\x9c", ";", "; ;notify;x;y", "\x1bP", "\x90",
    "\x18", "\x1a", "\r\n", "\u202eevil\u2066", "\u2028", "\ud800", "\x7f\x00", "9;4;1;50",
    "x" * 65_536, "漢\u0301" * 30_000, "\x1b" * 65_536,
)  # fmt: skip
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def inner(text: str, environment: dict[str, str]) -> str:
    """What the terminal around gets of it."""
    if "TMUX" in environment:
        assert text.startswith("\x1bPtmux;")
        assert text.endswith("\x1b\\\a")
        passed = text.removeprefix("\x1bPtmux;").removesuffix("\x1b\\\a")
        assert "\x1b\x1b" in passed
        return passed.replace("\x1b\x1b", "\x1b") + "\a"
    if "STY" in environment:
        pieces = re.findall(r"\x1bP((?:(?!\x1b\\).)*)\x1b\\", text, re.DOTALL)
        assert text == "".join(f"\x1bP{piece}\x1b\\" for piece in pieces) + "\a"
        assert max(len(piece.encode()) for piece in pieces) < 256
        return "".join(pieces) + "\a"
    return text


ENVIRONMENTS = st.sampled_from(
    [each | outer for each in (XTERM, {"TERM": "foot"}) for outer in ({}, {"TMUX": "x"}, {"STY": "x"})]
)
TEXTS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=80)).map("".join)


@given(title=TEXTS, body=TEXTS, environment=ENVIRONMENTS)
def test_no_text_gets_out_of_its_place_nor_is_longer_than_a_notification(
    title: str, body: str, environment: dict[str, str]
) -> None:
    text = inner(sequence(Notification(title, body), environment), environment)
    found = FRAME.fullmatch(text)
    assert found is not None, ascii(text)
    assert {unicodedata.category(each) for field in found.groups("") for each in field} & HARMFUL <= {"Cf"}
    assert {each for each in text if unicodedata.category(each) == "Cf"} <= {"\u200c", "\u200d"}
    assert len(text) < 320
