"""Whom a file goes to when nobody is named: whom one talks with.

Asks the disk nothing but whether a path is there. Knows no command by name: those that move files to users.
"""

import os
from collections.abc import Callable, Collection, Sequence

import click

from cnmessage_client.shell.command import facts_of


def with_partner(
    program: click.Group,
    words: tuple[str, ...],
    partner: str,
    known: Collection[str],
    exists: Callable[[str], bool] = os.path.lexists,
) -> tuple[str, ...]:
    """The words of a command, with the partner where it names no user but files only.

    A first word is a file if it is the only one, or if there is a file of that name and no such user.
    """
    command, context, count = _innermost(program, words)
    if not (facts_of(command).moves and facts_of(command).to_users):
        return words
    try:
        parser = command.make_parser(click.Context(command, parent=context, resilient_parsing=True))
        values, left, _ = parser.parse_args(list(words[count:]))
    except click.UsageError:
        return words  # the command says what is wrong
    to, name, rest = (values.get(each) for each in ("names", "name", "words"))
    said = [*([name] if isinstance(name, str) else []), *(rest if isinstance(rest, tuple) else ()), *left]
    if not said or isinstance(to, list):
        return words
    only_files = len(said) == 1 or (exists(said[0]) and said[0].lower() not in known)
    return (*words[:count], partner, *words[count:]) if only_files else words


def _innermost(program: click.Group, words: Sequence[str]) -> tuple[click.Command, click.Context, int]:
    """The command that these words call, and how many of them name it."""
    context, command, count = click.Context(program), program.get_command(click.Context(program), words[0]), 1
    while isinstance(command, click.Group) and len(words) > count:
        found = command.get_command(context, words[count])
        if found is None:
            break
        command, count = found, count + 1
    return command or program, context, count
