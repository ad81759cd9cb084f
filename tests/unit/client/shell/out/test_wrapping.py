"""Long lines into rows: no word is cut that need not be, and no character ever is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes, wcwidth

from cnmessage_client.shell.out.wrapping import wrapped

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


def most(row: str) -> int:
    """The cells that a row takes on a terminal that knows nothing of joined emoji."""
    return sum(max(0, wcwidth(each)) for each in row)


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("short", ["short"]),
        ("one two three four five", ["one two three four", "    five"]),
        ("    code(  spaced )", ["    code(  spaced )"]),
        ("see https://example.org/a/long/way now", ["see", "    https://example.org/a/long/way", "    now"]),
        ("", [""]),
        (f"x {FAMILY * 3} y", [f"x {FAMILY * 2}", f"    {FAMILY} y"]),
    ],
)
def test_rows_break_between_words_and_an_address_stays_whole(line: str, rows: list[str]) -> None:
    assert wrapped(line, 20, 4).split("\n") == rows


def test_a_narrow_terminal_breaks_rows_itself() -> None:
    assert wrapped("one two three four", 10, 4) == "one two three four"


TEXTS = st.lists(
    st.sampled_from([FAMILY, "word", "é", "e\u0301", "漢字", " ", "  ", "long-word", "\U0001f1e9\U0001f1ea"])
).map("".join)


@given(TEXTS, st.integers(20, 60))
def test_nothing_is_lost_no_row_is_too_wide_and_no_character_is_cut(line: str, width: int) -> None:
    rows = wrapped(line, width, 4).split("\n")
    assert "".join(rows).split() == line.split() or "".join("".join(rows).split()) == "".join(line.split())
    ascii_words = {word for word in line.split() if word.isascii()}
    for row in rows:
        assert most(row) <= width or row.strip() in ascii_words
    whole = [each for each in iter_graphemes("".join(line.split())) if len(each) > 1]
    shown = [each for row in rows for each in iter_graphemes("".join(row.split())) if len(each) > 1]
    assert shown == whole
