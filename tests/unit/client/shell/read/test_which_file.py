"""Which words are users, which are paths, which file a word means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.model import FileInfo, FileStatus
from cnmessage_client.shell.read.which_file import (
    by_id,
    by_name,
    full_id,
    split_words,
    the_one,
    without_count,
)
from cnmessage_protocol.errors import CnMessageError, ErrorCode

HERE = {"a.txt", "b.txt", "data", "Makefile", "j.doe", "bob", "2", "folder/x", "./data"}
"""What there is on the disk."""

TIME = datetime(2026, 3, 1, tzinfo=UTC)
FIRST, SECOND = "1a2b3c4d-0000-4000-8000-000000000001", "1a2b9999-0000-4000-8000-000000000002"


OPEN = {"stored", "uploading"}


def _split(*words: str) -> tuple[list[str], list[str]]:
    return split_words(words, {"j.doe"}, HERE.__contains__)


def _file(identity: str, name: str = "a.txt", age: int = 0, state: FileStatus = "stored") -> FileInfo:
    time = TIME - timedelta(days=age)
    return FileInfo(identity, name, 1, None, "alice", "", time, None, state, ())


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("alice", "a.txt"), 1),
        (("alice", "carol", "a.txt", "b.txt"), 2),
        (("alice", "a.txt", "b.txt"), 1),
        (("alice", "Makefile", "a.txt"), 1),
        (("alice", "carol", "./data", "a.txt"), 2),
        (("alice", "a.txt", "carol"), 1),
        (("alice", "/no/such", "a.txt"), 1),
        (("alice", "über", "a.txt"), 1),
        (("alice", "-"), 1),
        (("alice", "carol", "-"), 2),
        (("alice", "-", "a.txt"), 1),
        # The last word must be a path, there or not, and the first a user, file or not.
        (("alice", "data"), 1),
        (("alice", "missing"), 1),
        (("alice", "missing.txt"), 1),
        (("bob", "a.txt"), 1),
        (("j.doe", "a.txt"), 1),
        (("alice", "carol", "missing.txt"), 2),
    ],
)
def test_users_come_first_and_paths_after_them(words: tuple[str, ...], names: int) -> None:
    assert _split(*words) == (list(words[:names]), list(words[names:]))


@pytest.mark.parametrize("word", ["data", "bob", "j.doe"])
def test_a_word_that_may_be_a_user_or_a_file_is_an_error_that_says_how_to_write_it(word: str) -> None:
    with pytest.raises(CnMessageError) as caught:
        _split("alice", word, "a.txt")
    assert caught.value.code is ErrorCode.USAGE
    assert f"--to {word}" in caught.value.message
    assert f"./{word}" in caught.value.message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alice",), "which file"),
        (("bob",), "which file"),
        (("a.txt",), "to whom"),
        (("a.txt", "b.txt"), "to whom"),
        (("./data", "a.txt"), "to whom"),
        (("-",), "to whom"),
        (("über", "a.txt"), "to whom"),
    ],
)
def test_without_a_user_or_without_a_path_it_says_which_is_missing(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(CnMessageError, match=said) as caught:
        _split(*words)
    assert caught.value.code is ErrorCode.USAGE


@given(st.lists(st.sampled_from([*sorted(HERE), "alice", "carol", "-", "x/y", ""]), min_size=1, max_size=6))
def test_no_word_is_lost_and_neither_side_is_empty(words: list[str]) -> None:
    try:
        names, paths = _split(*words)
    except CnMessageError:
        return
    assert names + paths == words
    assert names
    assert paths


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("2", "a", "b"), ["2", "a", "b"]),  # there is a file called 2
        (("1", "a"), ["a"]),
        (("3", "a", "b", "c"), ["a", "b", "c"]),
        (("3", "a", "b"), ["3", "a", "b"]),
        (("1", "1"), ["1"]),
        (("0",), ["0"]),
        (("٣", "a", "b", "c"), ["٣", "a", "b", "c"]),
        (("a", "2"), ["a", "2"]),
    ],
)
def test_a_number_is_a_count_only_if_so_many_words_follow_and_no_file_has_that_name(
    words: tuple[str, ...], left: list[str]
) -> None:
    assert without_count(words, HERE.__contains__) == left


def test_an_id_is_understood_by_any_unique_beginning_of_four_digits() -> None:
    files = [_file(FIRST), _file(SECOND)]
    for word in (FIRST, FIRST.upper(), FIRST.replace("-", ""), "1a2b3", "1A2B3C4D", "1a2b3c4d-00"):
        assert by_id(word, files) == files[0]
    for word in ("1a2", "2b3c", "1a2bf", "a.txt", "", "1a2b3x", f"{FIRST}0"):
        assert by_id(word, files) is None
    with pytest.raises(CnMessageError, match="write more digits") as caught:
        by_id("1a2b", files)
    assert caught.value.code is ErrorCode.USAGE
    # The same file twice, sent to oneself, is still one.
    assert by_id("1a2b", [files[0], files[0]]) == files[0]


def test_a_whole_id_is_known_as_such() -> None:
    assert full_id(FIRST.upper()) == full_id(FIRST.replace("-", "")) == FIRST
    assert [full_id(word) for word in ("1a2b3c4d", "", "{" + FIRST[:34] + "}", "z" * 32)] == [None] * 4


def test_of_several_of_one_name_the_newest_comes_first_though_it_is_gone() -> None:
    old, new, gone = _file(FIRST, age=2), _file(SECOND, age=1), _file(SECOND, age=0, state="withdrawn")
    assert by_name("a.txt", [old, gone, new, _file(FIRST, "A.txt")]) == [gone, new, old]
    assert by_name("a", [old]) == []


def test_a_name_is_understood_however_its_accents_are_written() -> None:
    composed, apart = "r\u00e9sum\u00e9.pdf", "re\u0301sume\u0301.pdf"
    files = [_file(FIRST, composed, age=1), _file(SECOND, apart)]
    assert [each.id for each in by_name(composed, files)] == [SECOND, FIRST]
    assert [each.id for each in by_name(apart, files)] == [SECOND, FIRST]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31m.txt", "[31m.txt"),
        ("new\nline.txt", "new line.txt"),
        ("new\nline.txt", "new\\nline.txt"),
        ("a\tb", "a b"),
        ("back\\slash", "back\\\\slash"),
        ("\u202etxt.exe", "txt.exe"),
        (" spaces ", "spaces"),
        ("a-very-long-name-of-some-report-2026.pdf", "a-very-lon…t-2026.pdf"),
    ],
)
def test_a_name_is_understood_as_it_is_shown(name: str, shown: str) -> None:
    odd, other = _file(FIRST, name), _file(SECOND, "another.txt")
    assert by_name(shown, [odd, other]) == [odd]
    assert by_name(name, [odd, other]) == [odd]
    exact = _file(SECOND, shown)
    assert by_name(shown, [odd, exact]) == [exact], "what is called so comes before what is shown so"


def test_little_is_no_name_as_it_is_shown() -> None:
    files = [_file(FIRST, "\x1b"), _file(SECOND, "a.txt")]
    assert [by_name(word, files) for word in ("", " ", "…", "a…", "….txt", "a…a.txt", "\u202e")] == [[]] * 7


def _the_one(word: str, *files: FileInfo) -> FileInfo | None:
    return the_one(word, files, lambda each: each.state in OPEN)


def test_for_what_cannot_be_undone_a_name_means_one_file_that_is_open_still() -> None:
    old, gone = _file(FIRST, age=2), _file(SECOND, age=0, state="withdrawn")
    assert _the_one("a.txt", gone, old) == old
    assert _the_one("a.txt", gone) == gone  # said again
    assert _the_one("b.txt", gone, old) is None
    assert _the_one(FIRST[:6], gone, old) == old


def test_a_name_of_several_is_refused_with_their_ids() -> None:
    number = "1a2b3c4d-0000-4000-8000-00000000000{}"
    files = [_file(f"{each}{number[1:].format(each)}", age=each) for each in range(7)]
    with pytest.raises(CnMessageError, match="may be 7 files; say which by its id") as caught:
        _the_one("a.txt", *files)
    assert caught.value.code is ErrorCode.USAGE
    assert all(f"{each}a2b3c4d (alice" in caught.value.message for each in range(5))
    assert caught.value.message.endswith(" and 2 more")


def test_a_name_that_is_the_beginning_of_another_files_id_is_refused_too() -> None:
    named, other = _file(SECOND, name="1a2b3c4d"), _file(FIRST)
    with pytest.raises(CnMessageError, match="may be 2 files"):
        _the_one("1a2b3c4d", named, other)
    assert _the_one(FIRST, named, other) == other
