"""Commands about this machine alone: profile, completion."""

import shlex

import click

from cnmessage_client.link.connection import device_keys
from cnmessage_client.link.outbox import waiting_in
from cnmessage_client.profile import Home, Profile
from cnmessage_client.shell.command import PROGRAM, Facts, Section, command, group
from cnmessage_client.shell.read.completion import completion_class
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_protocol.errors import EXIT_STATUS, CnMessageError, ErrorCode
from cnmessage_protocol.trace import counted


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
    """List the profiles and who is logged in with each; one that is damaged does not hide the others."""
    home, troubles = Home.find(), list[CnMessageError]()
    try:
        current = settings.profile or home.current_profile
    except CnMessageError as error:
        current = None
        troubles.append(_advised(error, "or say which to use: cnmessage profile use NAME"))
    rows = []
    for name in home.profiles():
        one = home.profile(name)
        user = broker = None
        mark = "current" if name == current else ""
        try:
            user, broker = one.user, one.broker
            _check_keys(one)
        except CnMessageError as error:
            mark = "damaged"
            troubles.append(_advised(error, f"or remove the profile: cnmessage profile rm {name} --force"))
        values = {"name": name, "user": user, "broker": broker, "current": name == current}
        values["damaged"] = mark == "damaged"
        rows.append((values, (name, user or "", broker or "", mark)))
    settings.renderer.table(("PROFILE", "USER", "BROKER", ""), rows)
    for trouble in troubles:
        settings.renderer.error(trouble)
    if troubles:
        raise click.exceptions.Exit(EXIT_STATUS[ErrorCode.PARTIAL if rows else troubles[0].code])


def _check_keys(one: Profile) -> None:
    """INTEGRITY for a device key with which nobody can log in, or that is gone although somebody is."""
    if one.has_keys:
        device_keys(one)
    elif one.user is not None:
        raise one.damaged_key()


def _advised(error: CnMessageError, advice: str) -> CnMessageError:
    return CnMessageError(error.code, f"{error.message}; {advice}")


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


@profile.command(
    facts=Facts(
        Section.MACHINE, "cnmessage profile rm work", asks=False, account=False, moves=False, in_chat=False
    )
)
@click.argument("name")
@click.option("--force", is_flag=True, help="Also with messages that wait, or while somebody is logged in.")
@common
def rm(settings: Settings, name: str, force: bool) -> None:
    """Remove a profile from this machine: its key, and what waits in it to be sent. Its account stays."""
    home = Home.find()
    one = home.profile(name)
    if not one.folder.exists():
        raise usage(f"there is no profile '{name}'; see: cnmessage profile list")
    waiting, in_use = waiting_in(one.outbox)
    if in_use:
        raise CnMessageError(
            ErrorCode.CONFLICT, f"a program uses profile '{name}' now; end it, then do the same again"
        )
    if not force and (lost := _lost(one, waiting)):
        if not settings.interactive:
            text = f"profile '{name}' was not removed: {lost}; with --force it is removed all the same"
            raise CnMessageError(ErrorCode.CONFLICT, text)
        settings.renderer.note(lost)
        if not settings.confirm(f"Remove profile {name} all the same?"):
            raise click.Abort
    home.remove_profile(name)
    messages = f"; {counted(waiting, 'message')} that waited will not be sent" if waiting else ""
    settings.renderer.record(
        {"profile": name, "status": "removed", "discarded": waiting},
        f"Profile {name} is removed from this machine{messages}.",
        [name, "removed", str(waiting)],
    )


def _lost(one: Profile, waiting: int) -> str:
    """What a person should know before this profile is removed; nothing if nothing is lost."""
    facts = []
    try:
        user = one.user
    except CnMessageError as error:  # who was logged in is not known any more
        user = None
        facts.append(error.message)
    if waiting:
        facts.append(f"{counted(waiting, 'message')} in it will never be sent (a login sends what waits)")
    if user:
        facts.append(f"{user} is logged in with it (log out first: cnmessage --profile {one.name} logout)")
    return " and ".join(facts)


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
    kind = completion_class(shell)
    if kind is None:
        raise usage(f"no completion for {shell}")
    settings.renderer.text(kind(context.find_root().command, {}, PROGRAM, "_CNMESSAGE_COMPLETE").source())
