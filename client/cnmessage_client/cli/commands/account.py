"""Commands about the account: signup, login, logout, passwd, whoami, devices."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from cnmessage_client.address import parse_address
from cnmessage_client.client import Client
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.profile import Home
from cnmessage_client.shell.command import Facts, Section, command, group
from cnmessage_client.shell.partial import each_of
from cnmessage_client.shell.read.secrets import password_options, read_passwords
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import may_be_user, new_user_name, user_name
from cnmessage_protocol.schema import LARGEST

Result = TypeVar("Result")


def _with_name(name: str, words: Sequence[str]) -> str:
    """The command with the user's name alone; what stands behind it may be a password."""
    return f"{name} {words[0]}" if words and may_be_user(words[0]) else name


def _revoking(words: Sequence[str]) -> str:
    """Revoking what are ids; where there are none, the list that has them."""
    ids = [word for word in words if word.isdecimal() and 0 < int(word[:20]) <= LARGEST]
    return " ".join(["devices", "revoke", *ids]) if ids else "devices"


@command(
    Facts(
        Section.ACCOUNT,
        "cnmessage signup alice",
        asks=True,
        account=True,
        moves=False,
        enters=True,
        usual=("register", "sign-up", "join", "adduser", "useradd", "create"),
        instead=lambda words: _with_name("signup", words),
    )
)
@click.argument("name", required=False)
@password_options
@common
def signup(settings: Settings, name: str | None, password_stdin: bool, password_file: Path | None) -> None:
    """Make an account and log in to it."""
    name = _checked_name(settings, name, new_user_name)
    _reach(settings, given=password_stdin or password_file is not None)
    (password,) = read_passwords(
        settings, ["Password"], password_stdin=password_stdin, password_file=password_file, new_last=True
    )
    _enter(settings, name, password, new=True)


@command(
    Facts(
        Section.ACCOUNT,
        "cnmessage login alice",
        asks=True,
        account=True,
        moves=False,
        enters=True,
        usual=("signin", "sign-in", "logon", "log-in", "auth"),
        instead=lambda words: _with_name("login", words),
    )
)
@click.argument("name", required=False)
@password_options
@common
def login(settings: Settings, name: str | None, password_stdin: bool, password_file: Path | None) -> None:
    """Log this profile in; it stays logged in until `logout`."""
    name = _checked_name(settings, name, user_name)
    _reach(settings, given=password_stdin or password_file is not None)
    (password,) = read_passwords(
        settings, ["Password"], password_stdin=password_stdin, password_file=password_file
    )
    try:
        _enter(settings, name, password, new=False)
    except CnMessageError as error:
        if error.code is not ErrorCode.BAD_CREDENTIALS:
            raise
        again, new = settings.typed("login NAME"), settings.typed("signup NAME")
        text = f"wrong user name or password; try again: {again}, or, if you are new: {new}"
        raise CnMessageError(error.code, text) from error


@command(
    Facts(
        Section.ACCOUNT,
        "cnmessage logout",
        asks=False,
        account=True,
        moves=False,
        leaves=True,
        usual=("signout", "sign-out", "logoff", "log-out"),
    )
)
@common
def logout(settings: Settings) -> None:
    """Log this profile out."""

    async def job(client: Client) -> None:
        await client.logout()

    settings.run(job)
    settings.renderer.done({"status": "logged out"}, "Logged out.")


@command(
    Facts(
        Section.ACCOUNT,
        "cnmessage passwd",
        asks=True,
        account=True,
        moves=False,
        usual=("password", "passphrase"),
        instead=lambda _: "passwd",
    )
)
@password_options
@common
def passwd(settings: Settings, password_stdin: bool, password_file: Path | None) -> None:
    """Change the password; every other device is logged out.

    From a file or standard input: the old password, then the new one, one a line.
    """
    if _will_be_typed(settings, given=password_stdin or password_file is not None):
        settings.run(lambda client: client.whoami())  # who cannot change it types none
    old, new = read_passwords(
        settings,
        ["Old password", "New password"],
        password_stdin=password_stdin,
        password_file=password_file,
        new_last=True,
        asked=lambda password: _check_old(settings, password),
    )

    async def job(client: Client) -> int:
        return await client.passwd(old, new)

    revoked = settings.run(job)
    settings.renderer.done(
        {"status": "changed", "revoked": revoked},
        f"The password was changed; {_devices_were(revoked)} logged out.",
    )


def _check_old(settings: Settings, password: str) -> None:
    """Before somebody thinks of a new one."""

    async def job(client: Client) -> None:
        me = await client.whoami()
        await client.login(me.user, password)  # again, which changes nothing

    try:
        settings.run(job)
    except CnMessageError as error:
        if error.code is not ErrorCode.BAD_CREDENTIALS:
            raise
        raise CnMessageError(error.code, "the old password is wrong; nothing was changed") from error


@command(
    Facts(
        Section.ACCOUNT,
        "cnmessage whoami",
        asks=False,
        account=False,
        moves=False,
        usual=("me", "status", "id", "account", "info"),
    )
)
@common
def whoami(settings: Settings) -> None:
    """Show who is logged in here, and how the inbox stands.

    Without an answer of the broker: what is known here, and exit status 3.
    """

    async def job(client: Client) -> tuple[dict[str, Any], str]:
        me = await client.whoami()
        values = {
            "user": me.user,
            "profile": client.profile.name,
            "broker": client.address.place,
            "session": me.device,
            "unread": me.unread,
        }
        return values, me.user

    try:
        values, user = settings.run(job)
    except CnMessageError as error:
        if error.code is ErrorCode.UNREACHABLE:
            _say_what_is_known(settings)
        raise
    person = f"{user} on {values['broker']}, profile {values['profile']}, {values['unread']} unread"
    settings.renderer.record(values, person, [str(value) for value in values.values()])


def _say_what_is_known(settings: Settings) -> None:
    """Who is logged in here as far as this machine knows: what only the broker knows is left open."""
    client = settings.client()
    profile, place = client.profile, client.address.place
    if profile.user is None or profile.broker is None or parse_address(profile.broker).place != place:
        return
    values = {"user": profile.user, "profile": profile.name, "broker": place, "session": None, "unread": None}
    person = f"{profile.user} on {place}, profile {profile.name}, as far as is known here"
    settings.renderer.record(values, person, [profile.user, profile.name, place, "", ""])


@group(
    Facts(
        Section.ACCOUNT,
        "cnmessage devices",
        asks=False,
        account=False,
        moves=False,
        aliases=("sessions",),
        usual=("device", "session"),
        instead=_revoking,
    )
)
@common
def devices(settings: Settings) -> None:
    """List the devices logged in to this account, or log some out."""


@devices.command(
    "list", facts=Facts(Section.ACCOUNT, "cnmessage devices list", asks=False, account=False, moves=False)
)
@common
def list_devices(settings: Settings) -> None:
    """List the devices."""
    renderer = settings.renderer
    found = settings.run(lambda client: client.devices())
    heads = ("ID", "DEVICE", "SINCE", "LAST SEEN", "STATE")
    rows = [
        (
            each.as_json(),
            (
                str(each.id),
                each.label,
                renderer.when(each.created),
                renderer.seen(each.last_seen, online=each.online),
                "this one" if each.current else "online" if each.online else "offline",
            ),
        )
        for each in found
    ]
    renderer.table(heads, rows)


@devices.command(
    facts=Facts(
        Section.ACCOUNT,
        "cnmessage devices revoke 3",
        asks=False,
        account=False,
        moves=False,
        usual=("rm", "remove", "delete", "logout", "kill"),
        instead=_revoking,
    )
)
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, LARGEST))
@common
def revoke(settings: Settings, ids: tuple[int, ...]) -> None:
    """Log devices out, by the ids that `devices` shows."""

    async def job(client: Client) -> None:
        await each_of(
            settings, [str(each) for each in ids], lambda text: client.revoke(int(text)), "logged out"
        )

    settings.run(job)


def _devices_were(count: int) -> str:
    return "1 other device was" if count == 1 else f"{count} other devices were"


def _checked_name(settings: Settings, name: str | None, rule: Callable[[str], str]) -> str:
    """The name to enter with. Whatever is wrong with it is said before a password is asked for."""
    if name is None:
        if not settings.interactive:
            raise usage("a user name is needed: cnmessage signup NAME, or cnmessage login NAME")
        name = settings.ask("User name: ")
    try:
        name = rule(name)
    except ValueError as error:
        raise usage(str(error)) from error
    home = Home.find()
    profile = home.profile(settings.profile or home.current_profile)
    if profile.user is not None and profile.user != name:
        both = "" if settings.prefix is not None else f"to be {name} as well, add --profile {name}, or "
        raise CnMessageError(
            ErrorCode.USAGE,
            f"profile '{profile.name}' is logged in as {profile.user}; {both}log out first with: "
            f"{settings.typed('logout')}",
        )
    return name


def _will_be_typed(settings: Settings, *, given: bool) -> bool:
    """Whether a person will be asked in a shell; a chat has its connection already, and says how it is."""
    return not given and settings.interactive and settings.prefix is None


def _reach(settings: Settings, *, given: bool) -> None:
    """Before a password is typed: the broker is there, and is the right one."""

    async def job(client: Client) -> None:
        try:
            await client.whoami()
        except CnMessageError as error:
            if error.code is not ErrorCode.UNAUTHENTICATED:  # which says all that is to be known
                raise

    if _will_be_typed(settings, given=given):
        _met(settings, job)


def _met(settings: Settings, job: Callable[[Client], Awaitable[Result]]) -> Result:
    """Do the job; where a broker that nobody named is not there, those that were met are named."""
    try:
        return settings.run(job)
    except CnMessageError as error:
        client = settings.client()
        if settings.broker is None and client.profile.broker is None:
            raise KnownBrokers(client.profile.home).or_others(error, client.address) from error
        raise


def _enter(settings: Settings, name: str, password: str, *, new: bool) -> None:

    async def job(client: Client) -> dict[str, str]:
        user = await (client.signup(name, password) if new else client.login(name, password))
        return {"user": user, "profile": client.profile.name, "broker": client.address.place}

    values = _met(settings, job)
    done = "Welcome" if new else "Logged in"
    settings.renderer.done(values, f"{done}, {values['user']}.", list(values.values()))
    if settings.prefix is None:  # a chat has its own words for a beginning
        settings.renderer.note(f"Try: {', '.join(map(settings.typed, ('users', 'send NAME TEXT', 'watch')))}")
