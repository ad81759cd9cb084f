"""Commands about other users: users, blacklist."""

import shlex
from collections.abc import Sequence

import click

from cnmessage_client.client import Client
from cnmessage_client.model import User
from cnmessage_client.shell.command import Facts, Section, command, group
from cnmessage_client.shell.partial import each_of
from cnmessage_client.shell.read.completion import complete_name, remember_names
from cnmessage_client.shell.read.names import Someone
from cnmessage_client.shell.settings import Settings, common
from cnmessage_protocol.ids import may_be_user


@command(
    Facts(
        Section.PEOPLE,
        "cnmessage users --online",
        asks=False,
        account=False,
        moves=False,
        aliases=("list_users",),
        usual=("who", "online", "people", "user", "contacts", "roster"),
        instead=lambda words: "users --online" if "online" in words else "users",
    )
)
@click.option("--online", is_flag=True, help="Only who is online now.")
@common
def users(settings: Settings, online: bool) -> None:
    """List all users, who is online and when the others last were."""

    async def job(client: Client) -> list[User]:
        found = await client.users()
        remember_names(client.profile, [user.name for user in found])
        return found

    found = settings.run(job)
    settings.renderer.users(user for user in found if user.online or not online)


@group(
    Facts(
        Section.PEOPLE,
        "cnmessage blacklist add bob",
        asks=False,
        account=False,
        moves=False,
        aliases=("block",),
        usual=("ban", "ignore", "mute", "blocklist"),
        instead=lambda words: f"blacklist add {shlex.join(words)}" if all(map(may_be_user, words)) else None,
    )
)
@common
def blacklist(settings: Settings) -> None:
    """Decide whom you do not want to hear from. Nobody is told."""


@blacklist.command(
    facts=Facts(
        Section.PEOPLE,
        "cnmessage blacklist add bob",
        asks=False,
        account=False,
        moves=False,
        to_users=True,
        usual=("block", "ban", "ignore"),
    )
)
@click.argument(
    "names", metavar="NAME...", nargs=-1, required=True, type=Someone(), shell_complete=complete_name
)
@common
def add(settings: Settings, names: Sequence[str]) -> None:
    """Let nothing of these users in from now on."""

    async def job(client: Client) -> None:
        await each_of(settings, names, client.block, "blocked")

    settings.run(job)


@blacklist.command(
    facts=Facts(
        Section.PEOPLE,
        "cnmessage blacklist rm bob",
        asks=False,
        account=False,
        moves=False,
        to_users=True,
        usual=("unblock", "unban", "unignore", "remove", "delete", "del"),
    )
)
@click.argument(
    "names", metavar="NAME...", nargs=-1, required=True, type=Someone(), shell_complete=complete_name
)
@common
def rm(settings: Settings, names: Sequence[str]) -> None:
    """Take users off the blacklist; what was kept out meanwhile stays out."""

    async def job(client: Client) -> None:
        await each_of(settings, names, client.unblock, "unblocked")

    settings.run(job)


@blacklist.command(
    "list",
    facts=Facts(
        Section.PEOPLE,
        "cnmessage blacklist list",
        asks=False,
        account=False,
        moves=False,
        usual=("show", "ls", "blocked"),
    ),
)
@common
def list_blocked(settings: Settings) -> None:
    """List whom you block."""
    names = settings.run(lambda client: client.blocked())
    settings.renderer.table(("NAME",), [({"name": name}, (name,)) for name in names])
