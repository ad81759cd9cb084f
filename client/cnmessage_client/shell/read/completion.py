"""Names for completion, kept on disk by the commands that see them, so that TAB asks no broker.

Users, and files that were offered or sent, with what can be done about them. Losing them loses nothing.
"""

import contextlib
import re
import time
from collections.abc import Collection, Iterable
from itertools import islice
from typing import NamedTuple

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
)

from cnmessage_client.model import FileInfo
from cnmessage_client.private import write_private
from cnmessage_client.profile import Home, Profile
from cnmessage_client.shell.out.listing import can_be_fetched
from cnmessage_client.shell.out.render import SHORT_ID, in_units
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_client.shell.settings import settings_of
from cnmessage_protocol.errors import CnMessageError

_MOST_NAMES = 20_000
_MOST_FILES = 500
"""More would not help behind a TAB."""

_DIGITS = 4
"""Digits that are more likely an id than a name."""

_PATHS_ALONE = """
            COMPREPLY=()
            compopt -o default
"""
_PATHS_TOO = """
            if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
                compopt -o default
            else
                while read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$2")
                compopt -o filenames
            fi
"""
"""What click's script for bash does with paths, and what ours does. `$2` is the word as it was typed."""

_SPECIAL, _ESCAPED = re.compile(r"([^\w@%+=:,./-])"), r"\\\1"
_WAITING, _HAD, _SENT, _UPLOADING = "waiting", "had", "sent", "uploading"


class _File(NamedTuple):
    """What is kept of a file: what can be done with it, until when, and how to tell it from others."""

    kind: str
    short: str
    expires: str
    """In seconds since 1970; empty for never."""
    about: str
    name: str


@add_completion_class
class WholeWords(BashComplete):
    """bash takes what is offered as it is typed: in click's own way a name with a space becomes two words.

    Where paths are offered beside names, click's way has the paths alone. bash finds them itself only where
    there is nothing else.
    """

    source_template = (
        BashComplete.source_template.replace("read type value", "read -r type value")
        .replace("COMPREPLY+=($value)", 'COMPREPLY+=("$value")')
        .replace(_PATHS_ALONE, _PATHS_TOO)
    )

    def format_completion(self, item: CompletionItem) -> str:
        """Its type, and its value with what bash would read otherwise escaped."""
        return f"{item.type},{_SPECIAL.sub(_ESCAPED, str(item.value))}"


def completion_class(shell: str) -> type[ShellComplete] | None:
    """How a shell's TAB is answered: bash in a way of ours, the others in click's. None for one unknown."""
    return get_completion_class(shell)


def remember_names(profile: Profile, names: Iterable[str]) -> None:
    """Keep these names for completion; of too many, those seen now first."""
    fresh = set(names)
    others = sorted(set(known_names(profile)) - fresh)
    _write(profile, "names", sorted([*sorted(fresh), *others][:_MOST_NAMES]))


def remember_files(
    profile: Profile, *, sent: Iterable[FileInfo] | None = None, received: Iterable[FileInfo] | None = None
) -> None:
    """Keep what can be fetched, given up or taken back for completion, in place of what could be before.

    What was not asked for stays as it was.
    """
    own = _known_files(profile, True) if sent is None else map(_sent_file, sent)
    theirs = _known_files(profile, False) if received is None else map(_received_file, received)
    lines: list[str] = []
    for files in (theirs, own):
        # A name that a terminal would not show as it is cannot be typed either.
        good = (each for each in files if each is not None and each.name == safe_text(each.name))
        lines += ["\t".join(each) for each in islice(good, _MOST_FILES)]
    _write(profile, "files", lines)


def forget_files(profile: Profile, ids: Collection[str]) -> None:
    """These cannot be had, given up or taken back any more."""
    gone = {each[:SHORT_ID] for each in ids}
    if gone:
        lines = ["\t".join(each) for each in _files(profile) if each.short not in gone]
        _write(profile, "files", lines)


def complete_name(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Users that begin so."""
    profile = _profile(context)
    names = [] if profile is None else known_names(profile)
    return [CompletionItem(name) for name in names if name.startswith(incomplete.lower())]


def complete_name_or_path(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Users that begin so, and paths, which the shell knows."""
    return [*complete_name(context, parameter, incomplete), CompletionItem(incomplete, type="file")]


def complete_offered(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files that were offered and that can be fetched."""
    return _complete_file(context, incomplete, {_WAITING, _HAD})


def complete_sent(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files that were sent and can be taken back."""
    return _complete_file(context, incomplete, {_SENT, _UPLOADING})


def complete_unfinished(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files that can be given up, in either direction."""
    return _complete_file(context, incomplete, {_WAITING, _UPLOADING})


def _complete_file(context: click.Context, incomplete: str, kinds: Collection[str]) -> list[CompletionItem]:
    """Names that begin so, each once, with what there is to say of it; ids if one seems to be typed."""
    profile = _profile(context)
    files = [] if profile is None else [each for each in _files(profile) if each.kind in kinds]
    files.sort(key=lambda each: each.kind == _HAD)  # the others first; else the latest
    names: dict[str, CompletionItem] = {}
    for each in files:
        if each.name.startswith(incomplete) and not each.name.startswith("-"):
            names.setdefault(each.name, CompletionItem(each.name, help=f"{each.about}; {each.short}"))
    typed = incomplete.lower() if incomplete and (not names or len(incomplete) >= _DIGITS) else None
    found = [each for each in files if typed is not None and each.short.startswith(typed)]
    ids = [CompletionItem(each.short, help=f"{each.name}; {each.about}") for each in found]
    return [*names.values(), *ids]


def known_names(profile: Profile) -> list[str]:
    """Users that were seen so far."""
    return _lines(profile, "names")


def _profile(context: click.Context) -> Profile | None:
    try:
        home = Home.find()
        return home.profile(_profile_named(context) or home.current_profile)
    except CnMessageError:
        return None


def _profile_named(context: click.Context) -> str | None:
    """As `settings.merged` has it: what was typed, else what a chat says, else the environment."""
    typed = click.core.ParameterSource.COMMANDLINE
    environment: str | None = None
    here: click.Context | None = context
    while here is not None:
        if name := here.params.get("profile"):
            if here.get_parameter_source("profile") is typed:
                return str(name)
            environment = str(name)
        here = here.parent
    return settings_of(context).profile or environment


def _write(profile: Profile, kind: str, lines: list[str]) -> None:
    path = profile.outbox.with_name(kind)
    with contextlib.suppress(OSError):
        write_private(path, "\n".join(lines).encode(), sync=False)


def _lines(profile: Profile, kind: str) -> list[str]:
    try:
        return profile.outbox.with_name(kind).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _received_file(info: FileInfo) -> _File | None:
    kind = _WAITING if can_be_fetched(info) else _HAD
    return _file(kind, info, f"from {info.sender}") if info.state == "stored" else None


def _sent_file(info: FileInfo) -> _File | None:
    to = [each.name for each in info.recipients]
    about = f"to {to[0]}" + (f" and {len(to) - 1} more" if len(to) > 1 else "") if to else "unfinished"
    kinds = {"stored": _SENT, "uploading": _UPLOADING}
    return _file(kinds[info.state], info, about) if info.state in kinds else None


def _file(kind: str, info: FileInfo, whom: str) -> _File:
    expires = "" if info.expires is None else str(int(info.expires.timestamp()))
    return _File(kind, info.id[:SHORT_ID], expires, f"{whom}; {in_units(info.size)}", info.name)


def _files(profile: Profile) -> list[_File]:
    """Those that were kept and have not expired; lines of another form, an older version's, are left out."""
    rows = [line.split("\t") for line in _lines(profile, "files")]
    files = [_File(*row) for row in rows if len(row) == len(_File._fields)]
    now = time.time()
    return [each for each in files if not each.expires.isdigit() or int(each.expires) > now]


def _known_files(profile: Profile, own: bool) -> list[_File]:
    return [each for each in _files(profile) if (each.kind in {_SENT, _UPLOADING}) is own]
