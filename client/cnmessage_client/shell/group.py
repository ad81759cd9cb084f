"""The group of all commands: by theme, with aliases, and a suggestion for a mistyped one."""

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

_EXAMPLE = "Example: "


def unknown_command(context: click.Context, command: click.Command, word: str) -> click.UsageError:
    """The error for a word that is no command here, with what it may have been."""
    known = list(command.commands) if isinstance(command, click.Group) else []
    aliases = command.aliases if isinstance(command, Commands) else {}
    near = difflib.get_close_matches(word, [*known, *aliases], 1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; '{_called(context)}help' lists what there is"
    return click.UsageError(f"there is no command '{word}'{hint}", context)


class Commands(click.Group):
    """A group whose help lists the commands as `sections` do, each under its title."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.sections: Sequence[tuple[str, Sequence[click.Command]]] = ()
        self.aliases: Mapping[str, str] = MappingProxyType({})

    def add_sections(
        self, sections: Sequence[tuple[str, Sequence[click.Command]]], aliases: Mapping[str, str]
    ) -> None:
        """Take these commands, and these other names for some of them."""
        self.sections, self.aliases = sections, aliases
        for _, commands in sections:
            for command in commands:
                self.add_command(command)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name or an alias."""
        return super().get_command(context, self.aliases.get(name, name))

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
        for title, commands in self.sections:
            with formatter.section(title):
                rows = [(command.name or "", command.get_short_help_str(70)) for command in commands]
                formatter.write_dl(rows)
        with formatter.section("Help"):
            formatter.write_dl([("help [COMMAND]", "Explain the program, or one command.")])


def program_of(context: click.Context) -> Commands:
    """The group that this command is one of, or one of its groups."""
    program = context.find_root().command
    if not isinstance(program, Commands):
        raise TypeError("a command was called without its program")
    return program


def example(command: click.Command) -> str:
    """The example of a command, as it is typed in a shell: it begins with the program's name."""
    lines = [line.strip() for line in (command.help or "").splitlines()]
    return next((line.removeprefix(_EXAMPLE) for line in lines if line.startswith(_EXAMPLE)), "")


def _called(context: click.Context) -> str:
    """What stands before a command here; nothing in a chat."""
    name = context.find_root().info_name
    return f"{name} " if name else ""
