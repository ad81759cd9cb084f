"""Names for the files of one call: none takes another's place, and a repeated call chooses the same."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.transfer.names import safe_name
from cnmessage_client.transfer.places import distinct, free_places


@dataclass(frozen=True)
class Offered:
    """A file as its offer tells of it."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


OLD, NEW, NEWEST = (Offered("a.txt", content) for content in (b"old", b"new", b"newest"))


def test_files_of_one_name_get_a_number() -> None:
    assert distinct(["a.txt", "b", "a.txt", "a (2).txt", "a.txt", "b", "b"]) == [
        "a.txt",
        "b",
        "a (2).txt",
        "a (2) (2).txt",
        "a (3).txt",
        "b (2)",
        "b (3)",
    ]


@given(st.lists(st.sampled_from(["a.txt", "ü" * 119 + ".c", "x" * 240, "a", ""]), max_size=12))
def test_made_distinct_no_two_are_the_same_and_none_is_too_long(names: list[str]) -> None:
    made = distinct(names)
    assert len(made) == len(set(made)) == len(names)
    # A received name is cut to what the disk takes; a number that is cut off would be no help.
    assert all(safe_name(name) == name.strip() for name in made if name)


@pytest.mark.parametrize(
    ("here", "wanted", "places"),
    [
        ({}, [NEW, OLD], ["a.txt", "a (2).txt"]),
        # Cut short after each step, and repeated with what was not noted yet.
        ({"a.txt": NEW}, [NEW, OLD], ["a.txt", "a (2).txt"]),
        ({"a.txt": NEW}, [OLD], ["a (2).txt"]),
        ({"a.txt": NEW, "a (2).txt": OLD}, [OLD], ["a (2).txt"]),
        ({"a (2).txt": OLD}, [NEW], ["a.txt"]),
        ({"a.txt": NEW, "a (2).txt": OLD}, [NEWEST, OLD], ["a (3).txt", "a (2).txt"]),
        ({"a.txt": OLD, "a (2).txt": NEW}, [NEWEST, NEW, OLD], ["a (3).txt", "a (2).txt", "a.txt"]),
    ],
)
def test_a_repeated_call_finds_the_places_of_the_first(
    tmp_path: Path, here: dict[str, Offered], wanted: list[Offered], places: list[str]
) -> None:
    for name, file in here.items():
        (tmp_path / name).write_bytes(file.content)
    assert free_places(wanted, [NEWEST, NEW, OLD], tmp_path) == places


def test_what_was_never_offered_or_was_changed_stays_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    assert free_places([NEW], [NEW, OLD], tmp_path) == ["a.txt"]
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(OLD.content)
    assert free_places([NEW], [NEW, OLD], tmp_path) == ["a.txt"]
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").mkdir()
    assert free_places([NEW], [NEW, OLD], tmp_path) == ["a.txt"]


@given(
    st.lists(st.sampled_from([OLD, NEW, NEWEST, Offered("b", b"b"), Offered("../a.txt", b"up")]), max_size=9)
)
def test_no_two_of_a_call_have_one_place(wanted: list[Offered]) -> None:
    places = free_places(wanted, wanted, Path("/no/such/place"))
    assert len(set(places)) == len(places) == len(wanted)
