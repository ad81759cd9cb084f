"""The `cnmessage` program: the group of all commands, help, and the process around one of them."""

import io
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import click

from cnmessage_client.shell.command import PROGRAM, Facts, Section, asks_json
from cnmessage_client.shell.group import Commands, unknown_command
from cnmessage_client.shell.outcome import ended
from cnmessage_client.shell.settings import Settings, common, help_option, settings_of, usage
from cnmessage_client.shell.signals import ending
from cnmessage_client.shell.streams import discard, opens_alone, replace_closed

COMMANDS: Mapping[str, str] = {
    "chat": "chat", "send": "messages", "broadcast": "messages", "history": "history",
    "inbox": "inbox", "watch": "watch", "export": "export",
    "files": "files", "sendfile": "send_files", "getfile": "get_files",
    "users": "people", "blacklist": "people",
    "signup": "account", "login": "account", "logout": "account", "passwd": "account", "whoami": "account",
    "devices": "account",
    "profile": "profiles", "broker": "brokers", "completion": "profiles",
}  # fmt: skip
"""All commands, as help lists them within their sections, each with its module: a process loads that alone
which has its own."""


_COMPLETE = f"_{PROGRAM.upper()}_COMPLETE"


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
    if settings.prefix is None and opens_alone():
        return int(context.invoke(cli.commands["chat"]))
    settings.renderer.text(context.get_help())
    return None


@cli.command(
    "help",
    facts=Facts(
        Section.HELP, "cnmessage help files send", asks=False, account=False, moves=False, explains=True
    ),
)
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@help_option
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Explain the program, or one command."""
    inner = context.parent or context
    command: click.Command = cli
    for word in words:
        found = command.get_command(inner, word) if isinstance(command, click.Group) else None
        if found is None:
            raise usage(unknown_command(inner, command, word).message)  # nothing was called wrongly
        inner, command = click.Context(found, info_name=word, parent=inner), found
    settings_of(context).renderer.text(command.get_help(inner))


def _load(module: str, name: str) -> click.Command:
    command: click.Command = getattr(import_module(f"cnmessage_client.cli.commands.{module}"), name)
    return command


for _name, _module in COMMANDS.items():
    cli.add_later(_name, partial(_load, _module, _name))


def main() -> None:
    """Run the program; every way it can fail ends here, with a line that helps and a documented status."""
    replace_closed()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the program with these arguments; gives the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if _COMPLETE in os.environ:  # a shell asks what TAB may give: in our way, whatever command it is about
        import_module("cnmessage_client.shell.read.completion")
    for number in ending():
        signal.signal(number, _interrupt)
    try:
        result: Any = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - `ended` raises what it does not know
        trouble, status = ended(error)
        if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
            discard(sys.stdout)  # its reader has had enough, as `head` does, or there is no room
        if trouble is not None:
            Settings(as_json=asks_json(arguments)).renderer.error(trouble)
        return status
    return result if isinstance(result, int) else 0


def _interrupt(*_: object) -> None:
    """What would end the process ends a command as Ctrl-C does, also where SIGINT is ignored (`&`)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
