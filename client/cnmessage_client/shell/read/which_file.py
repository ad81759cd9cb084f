"""Which words of a command are users and which are paths, and which file a word means.

Asks the disk nothing but whether a path is there. Knows neither broker nor terminal.
"""

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import UUID

from cnmessage_client.model import FileInfo
from cnmessage_client.shell.out.listing import CUT
from cnmessage_client.shell.out.render import SHORT_ID
from cnmessage_client.shell.out.safe_text import one_field, safe_text
from cnmessage_client.shell.read.names import tidied
from cnmessage_client.shell.settings import usage
from cnmessage_protocol.errors import CnMessageError
from cnmessage_protocol.ids import may_be_user, normal

STDIN = "-"
_BEGINNING = re.compile(r"[0-9a-f]{4,32}\Z")
_MOST_TOLD = 5
_HOW = "cnmessage files send NAME... PATH..."


def split_words(
    words: Sequence[str],
    known: Collection[str] = (),
    exists: Callable[[str], bool] = os.path.lexists,
) -> tuple[list[str], list[str]]:
    """Users and paths of `NAME... PATH...`; a usage error for a word that may be either.

    The first word is a user, the last a path. Between them, words are users as long as they can be and no
    file has that name. Where a file has it, the word is the file if it has a '.' or a capital, which names of
    users hardly have, and is not `known` as a user.
    """
    first = words[0]
    if not may_be_user(first):
        if (tidy := tidied([first])) is not None:
            turned = shlex.join(["cnmessage", "files", "send", *tidy, *words[1:]])
            raise usage(f"'{first}' cannot be a user; write {turned}")
        raise usage(f"say to whom first: '{first}' is no user; write {_HOW}")
    last = words[-1]
    if exists(first) and may_be_user(last) and not exists(last):
        turned = shlex.join(["cnmessage", "files", "send", last, *words[:-1]])
        raise usage(f"say to whom first: '{first}' is a file here; write {turned}")
    if exists(first) and _like_file(first, known):
        user = f"if there is a user of that name, write: cnmessage files send --to {first} PATH..."
        raise usage(f"say to whom first: '{first}' is a file here; {user}")
    if len(words) == 1:
        raise usage(f"say also which file '{first}' shall get: {_HOW}")
    for place, word in enumerate(words[1:-1], 1):
        if not may_be_user(word):
            return list(words[:place]), list(words[place:])
        if exists(word):
            if not _like_file(word, known):
                raise _ambiguous(words, place)
            return list(words[:place]), list(words[place:])
    return list(words[:-1]), [words[-1]]


def without_count(words: Sequence[str], exists: Callable[[str], bool] = os.path.lexists) -> list[str]:
    """The words without a leading number of how many follow, which is how the first cnmessage was used."""
    if not words:
        return []
    count, *rest = words
    counted = rest and count.isascii() and count.isdecimal() and int(count) == len(rest)
    return rest if counted and not exists(count) else list(words)


def full_id(word: str) -> str | None:
    """The id in its usual form if the word is a whole one."""
    try:
        return str(UUID(word)) if len(word) in {32, 36} else None
    except ValueError:
        return None


def by_id(word: str, files: Iterable[FileInfo]) -> FileInfo | None:
    """The file whose id begins so, by at least four digits; a usage error when that fits several."""
    digits = word.lower().replace("-", "")
    if not _BEGINNING.match(digits):
        return None
    found = {each.id: each for each in files if each.id.replace("-", "").startswith(digits)}
    if len(found) > 1:
        raise usage(f"'{word}' is the beginning of {len(found)} ids; write more digits: {', '.join(found)}")
    return next(iter(found.values()), None)


def by_name(word: str, files: Iterable[FileInfo]) -> list[FileInfo]:
    """Files called so, the newest first, whether they can still be had or not.

    However accents are written: a name of another system may have them as marks of their own. Where none is
    called so, those that a list shows so: a terminal shows some characters otherwise, or not at all.
    """
    files = list(files)
    found = [each for each in files if normal(each.name) == normal(word)]
    found = found or [each for each in files if _shown_so(each.name, word)]
    return sorted(found, key=lambda each: each.time, reverse=True)


def the_one(word: str, files: Sequence[FileInfo], may_be: Callable[[FileInfo], bool]) -> FileInfo | None:
    """The file that `word`, a name or the beginning of an id, means, for what cannot be undone.

    Of several of that name the one that `may_be` meant; a usage error with their ids if these are several.
    Where none may be, the newest.
    """
    found = {each.id: each for each in by_name(word, files)}
    if (identified := by_id(word, files)) is not None:
        if full_id(word) is not None:
            return identified
        found[identified.id] = identified
    likely = [each for each in found.values() if may_be(each)]
    if len(likely) > 1:
        each_one = ", ".join(_told_apart(each) for each in likely[:_MOST_TOLD])
        more = f" and {len(likely) - _MOST_TOLD} more" if len(likely) > _MOST_TOLD else ""
        raise usage(f"'{word}' may be {len(likely)} files; say which by its id: {each_one}{more}")
    return next(iter(likely), next(iter(found.values()), None))


def _shown_so(name: str, word: str) -> bool:
    """Whether a table, which cuts long names in the middle, or a line with tabs shows a name as this word."""
    shown, meant = normal(safe_text(name)).strip(), normal(word)
    if meant.strip() == shown or meant == normal(one_field(name)):
        return bool(meant.strip())
    begin, cut, end = meant.strip().partition(CUT)
    parts = cut and begin and end
    return bool(parts) and shown.startswith(begin) and shown.endswith(end) and len(meant) < len(shown)


def _told_apart(info: FileInfo) -> str:
    to = ", ".join(each.name for each in info.recipients[:2]) + (" …" if len(info.recipients) > 2 else "")
    whom = f"{info.sender} to {to}" if to else f"{info.sender}, unfinished"
    return f"{info.id[:SHORT_ID]} ({whom}, {info.time.astimezone():%Y-%m-%d %H:%M})"


def _ambiguous(words: Sequence[str], place: int) -> CnMessageError:
    names, word, rest = words[:place], words[place], words[place + 1 :]
    a_path = shlex.join([*names, f"./{word}", *rest])
    a_user = shlex.join([*(part for name in (*names, word) for part in ("--to", name)), *rest])
    return usage(
        f"'{word}' may be a user, or the file of that name here. Write for the file: cnmessage files send "
        f"{a_path}; for the user: cnmessage files send {a_user}",
    )


def _like_file(word: str, known: Collection[str]) -> bool:
    return word.lower() not in known and ("." in word or word != word.lower())
