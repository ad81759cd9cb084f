"""The help of the chat: keys, and every command by section with one example each, as it is typed here.

What the command line says of its own commands is shown without what makes no sense here. Knows no command by
name.
"""

import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain, repeat

import click

from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS, OWN_FORMS
from cnmessage_client.shell.command import facts_of
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_EXAMPLE = 36
"""Columns for the example, which begins with the command's name."""

_LEAST = 20

_NOT_HERE = {"profile", "broker", "debug", "no_input", "client_id"}
"""Options of the command line that are the chat's own from its beginning on, or for scripts."""

_QUOTED = re.compile(r"`([a-z_]+)")

_KEYS = (
    ("PgUp, PgDn, End", "Scroll; PgUp at the top loads earlier messages."),
    ("Up, Down", "Lines that were entered before."),
    ("Tab", "Complete a command, a user or a path."),
    ("Alt-Enter", "A line break in the message."),
    ("Alt-N", "To the conversation with unread messages; then home."),
    ("Ctrl-C", "Clear the line; on an empty one stop the command that runs."),
    ("Ctrl-D", "Leave, on an empty line."),
    ("Ctrl-L, Ctrl-Z", "Draw everything anew; put the chat aside until `fg`."),
)


def asked_about(words: Sequence[str], *, explains: bool) -> Sequence[str] | None:
    """What a command line asks help for: `help WORDS`, or `WORDS --help`; None when it asks for none."""
    if explains:
        return words[1:]
    options = words[: words.index("--")] if "--" in words else words
    if "--help" not in options and "-h" not in options:
        return None
    return [word for word in options if not word.startswith("-")]


def help_text(
    program: Commands,
    words: Sequence[str],
    slash: str,
    width: int,
    *,
    colour: bool,
    keys: bool,
    exact: bool = True,
) -> str:
    """What to show for `help WORDS`; a USAGE error says what there is instead of something unknown.

    `keys`: they do something here, and are explained. Unless `exact`, words behind a command are arguments.
    """
    if not words:
        return "\n".join(_overview(program, slash, width, colour=colour, keys=keys))
    small = [word.lower() for word in words]
    name = small[0].removeprefix("/")
    own = OWN_COMMANDS.get(OWN_ALIASES.get(name, name))
    if own is None:
        return _explained(program, [name, *small[1:]], slash, width, exact=exact)
    if exact and len(words) > 1:
        raise _nothing_more([name], words[1], slash)
    return f"{slash}{own.usage}\n  {own.summary}\n  Example: {slash}{own.example.removeprefix('/')}"


def _explained(program: Commands, words: Sequence[str], slash: str, width: int, *, exact: bool) -> str:
    """The command line's help for its command, with the options that make sense here."""
    context = click.Context(program, info_name="")
    command: click.Command = program
    path: list[str] = []
    for word in words:
        if not isinstance(command, click.Group):
            if exact:
                raise _nothing_more(path, word, slash)
            break  # the rest are its arguments
        found = command.get_command(context, word)
        if found is None:
            raise _unknown(command, path, word, slash)
        command = found
        path.append(word)
    shown = copy(command)
    shown.params = [each for each in command.params if each.name not in _NOT_HERE]
    facts = facts_of(command)
    example = facts.words.partition(" | ")[0]
    shown.help = (command.help or "").replace(f"Example: {facts.example}", f"Example: {slash}{example}")
    inner = click.Context(shown, info_name=f"{slash}{' '.join(path)}", terminal_width=width)
    return _as_typed(shown.get_help(inner), program, slash)


def _unknown(group: click.Group, path: Sequence[str], word: str, slash: str) -> CnMessageError:
    """The error for a word that is no command of this group, with those that are."""
    if path:
        has = ", ".join(group.commands)
        text = f"there is no '{slash}{' '.join([*path, word])}'; '{slash}{path[-1]}' has: {has}"
        return CnMessageError(ErrorCode.USAGE, text)
    known = [*OWN_COMMANDS, *OWN_ALIASES, *getattr(group, "facts", group.commands)]
    near = difflib.get_close_matches(word, known, 1)
    there = f"did you mean '{slash}help {near[0]}'?" if near else f"'{slash}help' lists what there is"
    return CnMessageError(ErrorCode.USAGE, f"there is no command '{word}'; {there}")


def _nothing_more(path: Sequence[str], word: str, slash: str) -> CnMessageError:
    """The error for a word behind a command that has no commands of its own."""
    name = " ".join(path)
    text = f"there is no '{slash}{name} {word}' to explain; for '{slash}{name}' type: {slash}help {name}"
    return CnMessageError(ErrorCode.USAGE, text)


def _as_typed(text: str, program: Commands, slash: str) -> str:
    """The text, with the commands that it quotes as they are typed here."""
    facts = program.facts
    return _QUOTED.sub(lambda found: f"`{slash}{found[1]}" if found[1] in facts else found[0], text)


def _overview(program: Commands, slash: str, width: int, *, colour: bool, keys: bool) -> Iterator[str]:
    yield "What may be typed. In a conversation, plain text goes to whom the prompt names."
    if keys:
        yield from _section("Keys", _KEYS, width, colour)
    own = [(f"{slash}{each.example.removeprefix('/')}", each.summary) for each in OWN_COMMANDS.values()]
    yield from _section("The chat", own, width, colour)
    yield from _section("Lines", [(each.example, each.summary) for each in OWN_FORMS], width, colour)
    for section, commands in program.sections:
        rows = [
            (f"{slash}{facts_of(command).words}", _as_typed(command.get_short_help_str(200), program, slash))
            for command in commands
            if facts_of(command).in_chat and command.name not in OWN_COMMANDS
        ]
        if rows:
            yield from _section(section.value, rows, width, colour)
    yield f'After one name all is text; for several quote it: {slash}send bob carol "TEXT"'
    yield f"{slash}help COMMAND explains one."


def _section(title: str, rows: Sequence[tuple[str, str]], width: int, colour: bool) -> Iterator[str]:
    yield click.style(title, bold=True) if colour else title
    for left, right in rows:
        lines = textwrap.wrap(safe_text(right), max(width - _EXAMPLE - 4, _LEAST))
        if len(left) > _EXAMPLE:
            yield f"  {left}"
        first = "" if len(left) > _EXAMPLE else left
        for shown, line in zip(chain([first], repeat("")), lines, strict=False):
            yield f"  {shown:<{_EXAMPLE}}  {line}"
