"""The help of the chat: every command by section with one example each, as it is typed here.

What the command line says of its own commands (`help send`) is left to it. Knows no command by name.
"""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

import click

from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS, OWN_FORMS
from cnmessage_client.shell.command import facts_of
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.out.safe_text import safe_text

_EXAMPLE = 36
"""Columns for the example, which begins with the command's name."""

_LEAST = 20


def help_text(program: Commands, words: Sequence[str], *, slash: str, width: int, colour: bool) -> str | None:
    """What to show for `help WORDS`; None when it is the command line that explains this word."""
    if not words:
        return "\n".join(_overview(program, slash, width, colour))
    name = words[0].removeprefix("/")
    own = OWN_COMMANDS.get(OWN_ALIASES.get(name, name))
    if len(words) > 1 or own is None:
        return None
    return f"{slash}{own.usage}\n  {own.summary}\n  Example: {slash}{own.example.removeprefix('/')}"


def _overview(program: Commands, slash: str, width: int, colour: bool) -> Iterator[str]:
    yield "What may be typed. In a conversation, plain text goes to whom the prompt names."
    own = [(f"{slash}{each.example.removeprefix('/')}", each.summary) for each in OWN_COMMANDS.values()]
    yield from _section("The chat", own, width, colour)
    yield from _section("Lines", [(each.example, each.summary) for each in OWN_FORMS], width, colour)
    for section, commands in program.sections:
        rows = [
            (f"{slash}{facts_of(command).words}", command.get_short_help_str(200))
            for command in commands
            if facts_of(command).in_chat and command.name not in OWN_COMMANDS
        ]
        if rows:
            yield from _section(section.value, rows, width, colour)
    yield f'After one name all is text; for several quote it: {slash}send bob carol "TEXT"'
    yield f"{slash}help COMMAND explains one. Tab completes, Alt-N shows what is unread."


def _section(title: str, rows: Sequence[tuple[str, str]], width: int, colour: bool) -> Iterator[str]:
    yield click.style(title, bold=True) if colour else title
    for left, right in rows:
        lines = textwrap.wrap(safe_text(right), max(width - _EXAMPLE - 4, _LEAST))
        if len(left) > _EXAMPLE:
            yield f"  {left}"
        first = "" if len(left) > _EXAMPLE else left
        for shown, line in zip(chain([first], repeat("")), lines, strict=False):
            yield f"  {shown:<{_EXAMPLE}}  {line}"
