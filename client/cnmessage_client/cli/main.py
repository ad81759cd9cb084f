"""The `cnmessage` program: the group of all commands, help, and how errors end it."""

import difflib
import io
import os
import signal
import sys
from typing import Any

import click

from cnmessage_client.cli import account, fetching, files, messages, people, profiles, sending
from cnmessage_client.cli.options import Settings, common
from cnmessage_client.cli.render import Renderer
from cnmessage_protocol.errors import EXIT_STATUS, CnMessageError, ErrorCode

_GROUPS = (
    ("Messages", (messages.send, messages.broadcast, messages.history, messages.watch)),
    ("Files", (files.files, sending.sendfile, fetching.getfile)),
    ("People", (people.users, people.blacklist)),
    (
        "Account",
        (account.signup, account.login, account.logout, account.passwd, account.whoami, account.sessions),
    ),
    ("This machine", (profiles.profile, profiles.completion)),
)
ALIASES = {"list_users": "users", "block": "blacklist"}


def unknown_command(context: click.Context, command: click.Command, word: str) -> click.UsageError:
    """The error for a word that is no command here, with what it may have been."""
    known = list(command.commands) if isinstance(command, click.Group) else []
    near = difflib.get_close_matches(word, [*known, *(ALIASES if command is cli else ())], 1)
    hint = f"; did you mean '{near[0]}'?" if near else "; 'cnmessage help' lists what there is"
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
        for title, commands in _GROUPS:
            with formatter.section(title):
                rows = [(command.name or "", command.get_short_help_str(70)) for command in commands]
                formatter.write_dl(rows)
        with formatter.section("Help"):
            formatter.write_dl([("help [COMMAND]", "Explain the program, or one command.")])


@click.group(
    cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="cnmessage")
@common
@click.pass_context
def cli(context: click.Context, settings: Settings) -> None:
    """Messages between people and programs, through your own broker.

    Start with: cnmessage signup NAME
    """
    if context.invoked_subcommand is None:
        settings.renderer.text(context.get_help())


@cli.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Explain the program, or one command."""
    inner = context.parent or context
    command: click.Command = cli
    for word in words:
        found = command.get_command(inner, word) if isinstance(command, click.Group) else None
        if found is None:
            raise unknown_command(inner, command, word)
        inner, command = click.Context(found, info_name=word, parent=inner), found
    Renderer(as_json=False, quiet=False).text(command.get_help(inner))


for _title, _commands in _GROUPS:
    for _command in _commands:
        cli.add_command(_command)


def main() -> None:
    """Run the program; every way it can fail ends here, with a line that helps and a documented status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the program with these arguments; gives the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)
    renderer = Renderer(as_json="--json" in arguments, quiet=False)
    try:
        result: Any = cli.main(arguments, prog_name="cnmessage", standalone_mode=False)
    except CnMessageError as error:
        renderer.error(error)
        return error.exit_status
    except click.exceptions.NoArgsIsHelpError as error:
        names = ", ".join(getattr(error.ctx.command, "commands", {}))
        text = f"say what to do: {error.ctx.command_path} {{{names}}}"
        renderer.error(CnMessageError(ErrorCode.USAGE, text))
        return error.exit_code
    except click.UsageError as error:
        renderer.error(CnMessageError(ErrorCode.USAGE, _usage_text(error)))
        return error.exit_code
    except click.ClickException as error:
        renderer.error(CnMessageError(ErrorCode.USAGE, error.format_message()))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_STATUS[ErrorCode.INTERRUPTED]
    except BrokenPipeError:
        # The reader of a pipe has had enough, as `head` does; what is left of stdout goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        renderer.error(CnMessageError(ErrorCode.INTERNAL, f"{error.filename or 'output'}: {error.strerror}"))
        return 1
    return result if isinstance(result, int) else 0


def _interrupt(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def _usage_text(error: click.UsageError) -> str:
    text = error.format_message().rstrip(".")
    where = "" if error.ctx is None else f" (see: {error.ctx.command_path} --help)"
    return f"{text}{where}"
