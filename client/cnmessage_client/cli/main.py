"""The `cnmessage` program: the group of all commands, help, and how each can end.

Called by the shell through `main`, and by the chat, which has commands carried out through `perform`.
"""

import difflib
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from cnmessage_client.cli import account, fetching, files, messages, people, profiles, sending
from cnmessage_client.cli.chat import command as chatting
from cnmessage_client.cli.options import Settings, common, help_option, settings_of
from cnmessage_client.disk import disk_error
from cnmessage_protocol.errors import EXIT_STATUS, CnMessageError, ErrorCode

GROUPS = (
    ("Messages", (chatting.chat, messages.send, messages.broadcast, messages.history, messages.watch)),
    ("Files", (files.files, sending.sendfile, fetching.getfile)),
    ("People", (people.users, people.blacklist)),
    (
        "Account",
        (account.signup, account.login, account.logout, account.passwd, account.whoami, account.sessions),
    ),
    ("This machine", (profiles.profile, profiles.completion)),
)
"""All commands by theme, as help lists them."""

_EXAMPLE = "Example: "
ALIASES = {"list_users": "users", "block": "blacklist"}


def unknown_command(context: click.Context, command: click.Command, word: str) -> click.UsageError:
    """The error for a word that is no command here, with what it may have been."""
    known = list(command.commands) if isinstance(command, click.Group) else []
    near = difflib.get_close_matches(word, [*known, *(ALIASES if command is cli else ())], 1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; '{_called(context)}help' lists what there is"
    return click.UsageError(f"there is no command '{word}'{hint}", context)


class Commands(click.Group):
    """A group with aliases, commands listed by theme, and a suggestion for a mistyped one."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name or an alias."""
        return super().get_command(context, ALIASES.get(name, name))

    def resolve_command(
        self,
        context: click.Context,
        args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say what it may have been."""
        if args and self.get_command(context, args[0]) is None and not args[0].startswith("-"):
            raise unknown_command(context, self, args[0])
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by theme."""
        del context
        for title, commands in GROUPS:
            with formatter.section(title):
                rows = [(command.name or "", command.get_short_help_str(70)) for command in commands]
                formatter.write_dl(rows)
        with formatter.section("Help"):
            formatter.write_dl([("help [COMMAND]", "Explain the program, or one command.")])


def example(command: click.Command) -> str:
    """The example of a command, as it is typed in a shell: it begins with the program's name."""
    lines = [line.strip() for line in (command.help or "").splitlines()]
    return next((line.removeprefix(_EXAMPLE) for line in lines if line.startswith(_EXAMPLE)), "")


def _called(context: click.Context) -> str:
    """What stands before a command here; nothing in a chat."""
    name = context.find_root().info_name
    return f"{name} " if name else ""


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib import metadata  # noqa: PLC0415 - 10 ms that all else spares

        version = metadata.version("cnmessage")
        settings_of(context).renderer.text(f"cnmessage, version {version}")
        context.exit()


@click.group(cls=Commands, invoke_without_command=True)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version,
    help="Show the version and exit.",
)  # fmt: skip
@common
@click.pass_context
def cli(context: click.Context, settings: Settings) -> int | None:
    """Messages between people and programs, through your own broker.

    Start with: cnmessage chat
    """
    if context.invoked_subcommand is not None:
        return None
    if settings.prefix is None and chatting.opens_alone():
        return int(context.invoke(chatting.chat))
    settings.renderer.text(context.get_help())
    return None


@cli.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@help_option
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Explain the program, or one command.

    Example: cnmessage help files send
    """
    inner = context.parent or context
    command: click.Command = cli
    for word in words:
        found = command.get_command(inner, word) if isinstance(command, click.Group) else None
        if found is None:
            raise unknown_command(inner, command, word)
        inner, command = click.Context(found, info_name=word, parent=inner), found
    settings_of(context).renderer.text(command.get_help(inner))


for _title, _commands in GROUPS:
    for _command in _commands:
        cli.add_command(_command)


def main() -> None:
    """Run the program; every way it can fail ends here, with a line that helps and a documented status."""
    _replace_closed_streams()
    sys.exit(run(sys.argv[1:]))


def _replace_closed_streams() -> None:
    """A stream that the caller has closed is empty, and takes what nobody reads."""
    for name, mode in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, mode)  # the lowest that is free: the stream's own
            setattr(sys, name, os.fdopen(descriptor, "r" if mode == os.O_RDONLY else "w"))


def run(arguments: list[str]) -> int:
    """Run the program with these arguments; gives the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        result: Any = cli.main(arguments, prog_name="cnmessage", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - `ended` raises what it does not know
        trouble, status = ended(error)
        if isinstance(error, OSError):
            # The reader of a pipe has had enough, as `head` does; what is left of stdout goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if trouble is not None:
            Settings(as_json="--json" in arguments).renderer.error(trouble)
        return status
    return result if isinstance(result, int) else 0


def perform(words: Sequence[str], settings: Settings) -> tuple[CnMessageError | None, int]:
    """Carry out one command of a chat; gives what to tell the person, if anything, and the exit status.

    Blocks: a chat calls it in a thread of its own. Writes to no stream but those of the settings' host, which
    click's own way to run a command does when it is interrupted.
    """
    try:
        with cli.make_context("", list(words), obj=settings) as context:
            cli.invoke(context)
    except click.exceptions.Exit as leave:
        return None, leave.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - `ended` raises what it does not know
        return ended(error)
    return None, 0


def ended(error: BaseException) -> tuple[CnMessageError | None, int]:
    """What to tell a person about the end of a command, if anything, and the exit status.

    Raises the error again when it is none that a command ends with, but a defect.
    """
    match error:
        case CnMessageError():
            return error, error.exit_status
        case click.exceptions.NoArgsIsHelpError():
            names = ", ".join(getattr(error.ctx.command, "commands", {}))
            text = f"say what to do: {error.ctx.command_path} {{{names}}}"
            return CnMessageError(ErrorCode.USAGE, text), error.exit_code
        case click.UsageError():
            return CnMessageError(ErrorCode.USAGE, _usage_text(error)), error.exit_code
        case click.ClickException():
            return CnMessageError(ErrorCode.USAGE, error.format_message()), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return None, EXIT_STATUS[ErrorCode.INTERRUPTED]
        case BrokenPipeError():
            return None, 1
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            trouble = disk_error(error, error.filename or "the output", writing=True)
            return trouble, trouble.exit_status
        case OSError():
            text = f"{error.filename or 'output'}: {error.strerror}"
            return CnMessageError(ErrorCode.INTERNAL, text), 1
        case _:
            raise error


def _interrupt(*_: object) -> None:
    """SIGTERM ends a command as Ctrl-C does, also where SIGINT is ignored: in the background of a script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _usage_text(error: click.UsageError) -> str:
    text = error.format_message().rstrip(".")
    if error.ctx is None:
        return text
    path = error.ctx.command_path  # none in a chat, where `help` is a command
    return f"{text} (see: {path} --help)" if path else f"{text} (see: help)"
