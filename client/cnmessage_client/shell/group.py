"""The program as a group of commands: by section, with aliases, and a suggestion for a mistyped one.

What a command is stands on the command (command.py); this only reads it. Knows no command by name.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

import click

from cnmessage_client.shell.command import WORDS, Command, Facts, Section, facts_of


def unknown_command(context: click.Context, command: click.Command, word: str) -> click.UsageError:
    """The error for a word that is no command here, with what it may have been."""
    import difflib  # noqa: PLC0415 - for a word that was mistyped alone

    known = list(command.commands) if isinstance(command, click.Group) else []
    aliases = command.aliases if isinstance(command, Commands) else {}
    near = difflib.get_close_matches(word, [*known, *aliases], 1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; '{_called(context)}help' lists what there is"
    return click.UsageError(f"there is no command '{word}'{hint}", context)


class Commands(click.Group):
    """A group whose commands have facts, and whose help lists them by section."""

    command_class = Command

    _here: MutableMapping[str, click.Command]
    _later: dict[str, Callable[[], click.Command]]

    def add_later(self, name: str, load: Callable[[], click.Command]) -> None:
        """Add a command that is loaded when it is asked for."""
        self._later[name] = load

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """All commands by name; those that were added later come last, in their order."""
        if any(name not in self._here for name in self._later):
            late = {name: self._loaded(name) for name in self._later}
            others = {name: each for name, each in self._here.items() if name not in late}
            self._here = {**others, **late}
        return self._here

    @commands.setter
    def commands(self, commands: MutableMapping[str, click.Command]) -> None:
        self._here, self._later = commands, {}

    def _loaded(self, name: str) -> click.Command:
        if name not in self._here:
            self._here[name] = self._later[name]()
        return self._here[name]

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """As that of every command here."""
        context.meta[WORDS] = list(args)
        return super().parse_args(context, args)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other names of commands, each with the name."""
        return {alias: name for name, command in self.commands.items() for alias in facts_of(command).aliases}

    @property
    def facts(self) -> Mapping[str, Facts]:
        """The facts of each command, by its name and by its aliases."""
        named = {name: facts_of(command) for name, command in self.commands.items()}
        return {**named, **{alias: named[name] for alias, name in self.aliases.items()}}

    @property
    def sections(self) -> Iterator[tuple[Section, Sequence[click.Command]]]:
        """The commands as help lists them."""
        for section in Section:
            yield section, [each for each in self.commands.values() if facts_of(each).section is section]

    def facts_of(self, words: Sequence[str]) -> Facts:
        """The facts of the command that is meant by a line of words: of the innermost, as `files send`."""
        context = click.Context(self)
        command: click.Command = self.commands[self.aliases.get(words[0], words[0])]
        for word in words[1:]:
            found = command.get_command(context, word) if isinstance(command, click.Group) else None
            if found is None and not word.startswith("-"):
                break
            command = found or command
        return facts_of(command)

    def in_small(self, words: Sequence[str]) -> tuple[str, ...]:
        """A line of words with those that name a command, or one of its commands, as these are written."""
        context, command, small = click.Context(self), self, list[str]()
        inner: click.Command | None = command
        for word in words:
            inner = inner.get_command(context, word.lower()) if isinstance(inner, click.Group) else None
            small.append(word if inner is None else word.lower())
        return tuple(small)

    def could_be(self, words: Sequence[str]) -> bool:
        """Whether these words make sense as a line: a command with the arguments that it takes."""
        command: click.Command = self
        context = click.Context(self)
        rest = list(words)
        while isinstance(command, click.Group):
            found = command.get_command(context, rest[0]) if rest else None
            if found is None:
                return not rest and command.invoke_without_command
            command, rest = found, rest[1:]
        return "--help" in rest or _takes(command, rest)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name or an alias."""
        if name in self._later:
            return self._loaded(name)
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
        """Write the commands by section."""
        del context
        for section, commands in self.sections:
            with formatter.section(section.value):
                rows = [(_listed(command), command.get_short_help_str(70)) for command in commands]
                formatter.write_dl(rows)


def program_of(context: click.Context) -> Commands:
    """The group that this command is one of, or one of its groups."""
    program = context.find_root().command
    if not isinstance(program, Commands):
        raise TypeError("a command was called without its program")
    return program


def _takes(command: click.Command, rest: list[str]) -> bool:
    """Whether a command has these arguments and options, and needs no more."""
    context = click.Context(command, resilient_parsing=True)
    try:
        values, left, _ = command.make_parser(context).parse_args(rest)
        for parameter in command.params:
            given = values.get(parameter.name or "")
            given = given if isinstance(given, str | bool | list | tuple) else None  # else it was not said
            if parameter.required and not given:
                return False
            if given is not None:
                parameter.type_cast_value(context, given)
    except click.UsageError:
        return False
    return not left


def _listed(command: click.Command) -> str:
    """How a command stands in the list of all; one that explains takes its words from that list."""
    return f"{command.name} [COMMAND]" if facts_of(command).explains else command.name or ""


def _called(context: click.Context) -> str:
    """What stands before a command here; in a chat a slash or nothing."""
    root = context.find_root()
    return f"{root.info_name} " if root.info_name else getattr(root.obj, "prefix", None) or ""
