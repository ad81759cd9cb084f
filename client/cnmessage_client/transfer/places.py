"""Under which names the files of one call are put into one directory, so that none takes another's place.

A call that was cut short and is repeated must choose as it did: what stands in the directory and is another
file that was offered under this name counts as that file's place. Must know no broker.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Protocol

from cnmessage_client.transfer.names import MAX_SAFE, safe_name
from cnmessage_client.transfer.present import Present


class Named(Protocol):
    """What an offer says of its file."""

    @property
    def name(self) -> str:
        """What its sender calls it."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def sha256(self) -> str | None:
        """In hexadecimal."""


def distinct(names: Iterable[str]) -> list[str]:
    """The names, with a number in those that came before: `a.txt`, `a (2).txt`."""
    given: dict[str, None] = {}
    counts: dict[str, int] = {}
    for name in names:
        fresh = name
        while fresh in given:
            counts[name] = counts.get(name, 1) + 1
            fresh = numbered(name, counts[name])
        given[fresh] = None
    return list(given)


def free_places(wanted: Iterable[Named], offered: Iterable[Named], directory: Path) -> list[str]:
    """A name in `directory` for each that is wanted, in order, of which `offered` are those of all times.

    One whose place is taken by another offered file of the same name gets a number, as the second in one call
    does. A stranger's file, or one that was changed, stays in the way. Reads files that are there.
    """
    contents: dict[str, set[tuple[int, str]]] = {}
    for each in offered:
        contents.setdefault(safe_name(each.name), set()).add((each.size, each.sha256 or ""))
    stands: dict[str, tuple[int, str] | None] = {}
    given: dict[str, None] = {}
    for each in wanted:
        name = safe_name(each.name)
        others = contents.get(name, set()) - {(each.size, each.sha256 or "")}
        fresh, number = name, 1
        while fresh in given or (others and _content(directory / fresh, contents[name], stands) in others):
            number += 1
            fresh = numbered(name, number)
        given[fresh] = None
    return list(given)


def numbered(name: str, number: int) -> str:
    """The name with a number before its suffix, and no longer than a received name may be."""
    suffix = PurePath(name).suffix
    tail = f" ({number}){suffix}"
    stem = name.removesuffix(suffix).encode(errors="surrogateescape")
    return stem[: MAX_SAFE - len(tail.encode())].decode(errors="ignore") + tail


def _content(
    path: Path, known: set[tuple[int, str]], seen: dict[str, tuple[int, str] | None]
) -> tuple[int, str] | None:
    """Size and digest of what stands at `path`, if it may be one of the known; each path is read once."""
    if path.name not in seen:
        found = Present.at(path)
        seen[path.name] = None
        if found is not None:
            with found:
                if any(found.size == size for size, _ in known):
                    seen[path.name] = found.size, found.digest()
    return seen[path.name]
