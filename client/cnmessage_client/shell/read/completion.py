"""Names for completion, kept on disk by the commands that see them, so that TAB asks no broker.

Users, and the ids and names of files that were offered. Losing them loses nothing.
"""

import contextlib
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from cnmessage_client.model import FileInfo
from cnmessage_client.profile import Home, Profile
from cnmessage_client.shell.out.render import SHORT_ID
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_client.shell.settings import settings_of
from cnmessage_protocol.errors import CnMessageError

_MOST_NAMES = 20_000
_MOST_FILES = 500
"""More would not help behind a TAB."""


def remember_names(profile: Profile, names: Iterable[str]) -> None:
    """Keep these names for completion; of too many, those seen now first."""
    fresh = set(names)
    others = sorted(set(known_names(profile)) - fresh)
    _write(profile, "names", sorted([*sorted(fresh), *others][:_MOST_NAMES]))


def remember_files(profile: Profile, files: Iterable[FileInfo]) -> None:
    """Keep what can be fetched for completion, in place of what could be before."""
    lines = [f"{each.id[:SHORT_ID]} {each.name}" for each in files if each.state == "stored"]
    # A name that a terminal would not show as it is cannot be typed either.
    _write(profile, "files", [line for line in lines if line == safe_text(line)][:_MOST_FILES])


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


def complete_file(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids and names of files that begin so."""
    profile = _profile(context)
    pairs = [line.partition(" ")[::2] for line in ([] if profile is None else _lines(profile, "files"))]
    items = [CompletionItem(short, help=name) for short, name in pairs if short.startswith(incomplete)]
    return items + [CompletionItem(name) for _, name in pairs if incomplete and name.startswith(incomplete)]


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
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text("\n".join(lines), encoding="utf-8")


def _lines(profile: Profile, kind: str) -> list[str]:
    try:
        return profile.outbox.with_name(kind).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
