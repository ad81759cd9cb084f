"""Commands about this machine alone: profile, completion."""

import shlex

import click
from click.shell_completion import get_completion_class

from cnmessage_client.profile import Home
from cnmessage_client.shell.command import PROGRAM, Facts, Section, command, group
from cnmessage_client.shell.settings import Settings, common, usage


@group(
    Facts(
        Section.MACHINE,
        "cnmessage profile list",
        asks=False,
        account=False,
        moves=False,
        usual=("profiles",),
        instead=lambda words: f"profile use {shlex.quote(words[0])}",
    )
)
@common
def profile(settings: Settings) -> None:
    """Several users, or several brokers, on one machine."""


@profile.command(
    "list",
    facts=Facts(Section.MACHINE, "cnmessage profile list --json", asks=False, account=False, moves=False),
)
@common
def list_profiles(settings: Settings) -> None:
    """List the profiles and who is logged in with each."""
    home = Home.find()
    current = settings.profile or home.current_profile
    rows = []
    for name in home.profiles():
        one = home.profile(name)
        values = {"name": name, "user": one.user, "broker": one.broker, "current": name == current}
        mark = "current" if name == current else ""
        rows.append((values, (name, one.user or "", one.broker or "", mark)))
    settings.renderer.table(("PROFILE", "USER", "BROKER", ""), rows)


@profile.command(
    facts=Facts(
        Section.MACHINE,
        "cnmessage profile use work",
        asks=False,
        account=False,
        moves=False,
        usual=("switch", "set", "select", "default"),
    )
)
@click.argument("name")
@common
def use(settings: Settings, name: str) -> None:
    """Use this profile when no other is named."""
    home = Home.find()
    home.profile(name)
    if name not in home.profiles():
        raise usage(f"there is no profile '{name}'; make it with: cnmessage --profile {name} signup NAME")
    home.use_profile(name)
    settings.renderer.done({"profile": name}, f"Profile {name} is in use now.", [name])


@command(
    Facts(
        Section.MACHINE,
        'eval "$(cnmessage completion bash)"',
        asks=False,
        account=False,
        moves=False,
        in_chat=False,
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
@click.pass_context
def completion(context: click.Context, settings: Settings, shell: str) -> None:
    """Print a script for TAB completion of commands, users and files."""
    kind = get_completion_class(shell)
    if kind is None:
        raise usage(f"no completion for {shell}")
    settings.renderer.text(kind(context.find_root().command, {}, PROGRAM, "_CNMESSAGE_COMPLETE").source())
