"""docs/architecture.md: its map is today's, and what it says to open exists."""

import re

import pytest

from tests.support.house_map import DOCUMENT, PACKAGES, ROOT, between_marks, drawn, first_sentence

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_map_is_todays() -> None:
    assert between_marks(TEXT) == drawn(), "run: make map"


def test_every_file_says_in_one_line_what_it_is() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            sentence = first_sentence(path.read_text(encoding="utf-8"))
            assert 10 <= len(sentence) <= 160, f"{path}: {sentence!r}"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('"""One line."""', "One line"),
        ('"""Two\nlines: of one. And more.\n\nRest."""', "Two lines: of one"),
        ('"""No stop\n\nRest."""', "No stop"),
        ('"""Since 4.3 it is so. Rest."""', "Since 4.3 it is so"),
    ],
)
def test_a_first_sentence_is_found(source: str, sentence: str) -> None:
    assert first_sentence(source) == sentence


def test_what_is_to_be_opened_for_a_change_is_there() -> None:
    table = TEXT.partition("## To change X, open Y")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)[1:]
    assert len(rows) >= 14
    for what, where in rows:
        paths = re.findall(r"`([^`]+)`", where)
        assert paths, what
        for path in paths:
            assert (ROOT / path).exists(), f"{what}: {path}"
