"""Copies of offered files in one directory: each content once, nothing overwritten, found again."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from cnmessage_client import CnMessageError, ErrorCode
from cnmessage_client.model import MessageFile
from cnmessage_client.transfer.copies import Copies
from cnmessage_client.transfer.part import in_the_way


def file(name: str, content: str) -> MessageFile:
    return MessageFile("i", name, len(content), hashlib.sha256(content.encode()).hexdigest())


class Sources:
    """A broker's files by their digest, as far as it still has them, and which names were fetched."""

    def __init__(self, folder: Path, *contents: str) -> None:
        self.folder = folder
        self.contents = {file("", each).sha256: each for each in contents}
        self.fetched: list[str] = []

    async def fetch(self, wanted: MessageFile, name: str) -> None:
        self.fetched.append(name)
        if wanted.sha256 not in self.contents:
            raise CnMessageError(ErrorCode.EXPIRED, "gone")
        if (self.folder / name).exists():
            raise in_the_way(self.folder / name)
        (self.folder / name).write_text(self.contents[wanted.sha256])


def run(sources: Sources, *files: MessageFile) -> list[str]:
    """One run; gives the name of each copy."""
    copies = Copies(sources.folder, sources.fetch)

    async def all_of_them() -> list[str]:
        return [await copies.of(each) for each in files]

    return asyncio.run(all_of_them())


def found(folder: Path) -> Mapping[str, str]:
    return {each.name: each.read_text() for each in folder.iterdir()}


def test_files_of_one_name_get_a_number_and_one_content_is_fetched_once(tmp_path: Path) -> None:
    sources = Sources(tmp_path, "one", "two", "three")
    offered = [file("a.txt", "one"), file("a.txt", "two"), file("a.txt", "one"), file("b.txt", "three")]
    assert run(sources, *offered) == ["a.txt", "a (2).txt", "a.txt", "b.txt"]
    assert sources.fetched == ["a.txt", "a (2).txt", "b.txt"]


def test_another_run_finds_what_is_there_also_what_is_gone_by_now(tmp_path: Path) -> None:
    offered = [file("a.txt", "one"), file("a.txt", "two")]
    first = run(Sources(tmp_path, "one", "two"), *offered)
    later = Sources(tmp_path)
    assert run(later, *offered) == first
    assert run(later, *reversed(offered)) == list(reversed(first))
    assert later.fetched == []


@pytest.mark.parametrize("kind", ["other size", "same size", "folder", "link", "broken link"])
def test_what_stands_there_stays_whatever_it_is(tmp_path: Path, kind: str) -> None:
    folder, elsewhere = tmp_path / "d", tmp_path / "mine"
    folder.mkdir()
    elsewhere.write_text("one")
    place = folder / "a.txt"
    match kind:
        case "other size":
            place.write_text("somebody's")
        case "same size":
            place.write_text("ONE")
        case "folder":
            place.mkdir()
        case "link":
            place.symlink_to(elsewhere)
        case _:
            place.symlink_to(tmp_path / "nothing")
    before = place.lstat()
    sources = Sources(folder, "one")
    assert run(sources, file("a.txt", "one")) == ["a (2).txt"]
    assert (place.lstat(), elsewhere.read_text()) == (before, "one")
    assert sources.fetched == ["a (2).txt"]


def test_a_name_that_is_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    sources = Sources(tmp_path, "one")

    async def raced(wanted: MessageFile, name: str) -> None:
        if name == "a.txt":
            (tmp_path / name).write_text("quicker")
        await sources.fetch(wanted, name)

    assert asyncio.run(Copies(tmp_path, raced).of(file("a.txt", "one"))) == "a (2).txt"
    assert found(tmp_path) == {"a.txt": "quicker", "a (2).txt": "one"}


def test_one_that_cannot_be_had_is_told_and_takes_no_name(tmp_path: Path) -> None:
    sources = Sources(tmp_path, "two")
    copies = Copies(tmp_path, sources.fetch)

    async def both() -> str:
        with pytest.raises(CnMessageError, match="gone"):
            await copies.of(file("a.txt", "one"))
        return await copies.of(file("a.txt", "two"))

    assert asyncio.run(both()) == "a.txt"


def test_a_strangers_name_is_a_place_in_the_directory(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    sources = Sources(folder, "one", "two")
    assert run(sources, file("../../.hidden", "one"), file("-rf", "two")) == ["hidden", "_rf"]
    assert [each.name for each in tmp_path.iterdir()] == ["d"]
