"""User names for shell completion, kept on disk by commands that see them, so that TAB asks no broker."""

import contextlib
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from cnmessage_client.profile import Home, Profile
from cnmessage_protocol.errors import CnMessageError


def remember_names(profile: Profile, names: Iterable[str]) -> None:
    """Keep these names for completion."""
    path = profile.outbox.with_name("names")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text("\n".join(sorted(set(names) | set(_known(profile)))), encoding="utf-8")


def complete_name(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names that begin so."""
    home = Home.find()
    try:
        profile = home.profile(_profile_named(context) or home.current_profile)
    except CnMessageError:
        return []
    return [CompletionItem(name) for name in _known(profile) if name.startswith(incomplete.lower())]


def _profile_named(context: click.Context | None) -> str | None:
    while context is not None:
        if context.params.get("profile"):
            return str(context.params["profile"])
        context = context.parent
    return None


def _known(profile: Profile) -> list[str]:
    try:
        return profile.outbox.with_name("names").read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return []
