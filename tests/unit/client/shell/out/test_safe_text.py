"""The gate through which texts of others reach a terminal: nothing harmful passes, nothing honest is lost."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmessage_client.shell.out.safe_text import one_field, safe_text

# Every class of character that terminals obey or that reorders, hides or breaks what is shown.
_NASTY = "".join(map(chr, [*range(32), *range(0x7F, 0xA0)])) + (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u2060\ufeff\u00ad"
    "\u2028\u2029\u180e\ufff9\ufffa\ufffb\U000e0001\U000e0041\U000e007f\U0001d173"
)
_TEXT = st.one_of(
    st.text(),
    st.text(st.sampled_from(_NASTY + "ab[;m]0Ж中")),
    st.text(st.characters(categories=["Cs", "Cf"])),
)
_JOINERS = "\u200c\u200d"


def _harmful(text: str) -> set[str]:
    categories = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return {each for each in text if unicodedata.category(each) in categories} - set(_JOINERS)


@settings(max_examples=600)
@given(_TEXT)
def test_nothing_harmful_passes_and_what_passes_is_left_alone(text: str) -> None:
    shown = safe_text(text)
    assert _harmful(shown) == set()
    assert len(shown.splitlines()) <= 1
    shown.encode()  # a lone surrogate would not go out at all
    assert safe_text(shown) == shown
    assert _harmful(safe_text(text, lines=True)) <= {"\n", "\t"}


@settings(max_examples=600)
@given(_TEXT)
def test_a_field_is_one_field_on_one_line_and_can_be_read_back(text: str) -> None:
    field = one_field(text)
    assert _harmful(field) == set()
    read = field.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\0", "\\")
    assert read == safe_text(text, lines=True)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M", "Zs"])))
def test_honest_text_of_any_script_is_not_touched(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize("text", ["👩‍👩‍👧 👍🏽 🇪🇺", "नमस्ते", "می‌خواهم", "שלום", "日本語", "e\u0301", "ﷺ", "❤️"])
def test_joined_and_right_to_left_scripts_stay_whole(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        ("\x1b[2Jgone", "[2Jgone"),
        ("\x1b]0;title\x07x", "]0;titlex"),
        ("\x9b31mred", "31mred"),
        ("honest\rforged", "honestforged"),
        ("ab\x08\x08cd\x7f", "abcd"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("a\u2066b\u2069c", "abc"),
        ("one\u2028two\x85three", "one two three"),
        ("a\ud800b", "ab"),
        ("a\tb\nc", "a b c"),
    ],
)
def test_known_attacks_are_disarmed(attack: str, shown: str) -> None:
    assert safe_text(attack) == shown
