"""A line that was not understood, and the exact line that may have been meant.

Reads what a command is from its facts and its parameters. Knows no command by name.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence

import click

from cnmessage_client.shell.command import WORDS, Command, Facts, facts_of
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.settings import Settings, settings_of
from cnmessage_protocol.ids import may_be_user

_GUESS = re.compile(
    r"[.;]? *(\(Did you mean .*|\(Possible .*|Did you mean .*|did you mean .*|'[^']*help' lists .*)"
)
_LIKE_OPTION = re.compile(r"--?[A-Za-z]")
_OPTION = r"Invalid value for ('[^']*'(?: / '[^']*')*): "
_NO_NUMBER = re.compile(_OPTION + r"('.*') is not a valid (?:integer|float)(?: range)?")
_RANGE = re.compile(_OPTION + r"(\S+) is not in the range (\S+)")


def explained(error: click.UsageError) -> click.UsageError:
    """The error with the line to type instead, where there is a likely one; else with an example."""
    context = error.ctx
    if context is None:
        return error
    command, words = context.command, context.meta.get(WORDS, [])
    facts = facts_of(command) if isinstance(command, Command) else None
    text = _in_words(error.format_message().rstrip("."))
    if facts is not None and facts.asks and "extra argument" in text:
        text = "a password is never given on the command line, where others can see it"
    lines = [line for line in _meant(context, words, error) if _understood(context, line)]
    if lines:
        shown = " or ".join(_shown(context, line) for line in lines)
        as_text = facts is not None and facts.text is not None and _stays(error, lines)
        write = f"{_near(error)} if it belongs to the text, write" if as_text else "write"
        return click.UsageError(f"{_GUESS.sub('', text)}; {write}: {shown}")
    if isinstance(error, click.NoSuchOption):
        hint = f"{_near(error)} what begins with '-' and is no option stands behind --"
        return click.UsageError(f"{_GUESS.sub('', text)}; {hint.lstrip()}", context)
    if facts is not None and isinstance(error, click.MissingParameter):
        see = f"{context.command_path} --help" if context.command_path else "help"
        settings = settings_of(context.parent or context)
        if facts.reads is not None and settings.reads_pipe:
            return click.UsageError(f"{text} (see: {see}); {from_stdin(settings, facts.reads)}")
        return click.UsageError(f"{text} (see: {see}); for example: {_example(context, facts)}")
    return click.UsageError(text, context) if type(error) is click.BadParameter else error


def _stays(error: click.UsageError, lines: Sequence[str]) -> bool:
    """Whether what is like an option stands in these lines, too."""
    name = error.option_name if _near(error) and isinstance(error, click.NoSuchOption) else None
    return name is not None and any(name in line for line in lines)


def _near(error: click.UsageError) -> str:
    """The options that may have been meant, as a question; empty without any."""
    options = error.possibilities if isinstance(error, click.NoSuchOption) else None
    return f"did you mean {' or '.join(map(repr, options))}?" if options else ""


def options_first(context: click.Context) -> str | None:
    """The call with the options that stand behind `--` before it, or None; there they are no options."""
    words = context.meta.get(WORDS, [])
    if "--" not in words:
        return None
    at = words.index("--")
    late, text = sorted_out(context.command, words[at + 1 :])
    options, names = sorted_out(context.command, words[:at])
    if not late or not (text or len(names) > 1):
        return None
    said = [" ".join(text)] if names else text  # only what stands before `--` is surely a name
    return shlex.join([*_path(context), *options, *late, *names, *(["--", *said] if text else [])])


def from_stdin(settings: Settings, call: str) -> str:
    """The hint for who pipes something into a command that was not told to read it."""
    return f"to send what comes on standard input, write: {settings.typed(call)}"


def _in_words(text: str) -> str:
    """What click says, without the words of programmers."""
    text = _NO_NUMBER.sub(_no_number, text)
    return _RANGE.sub(lambda found: f"{found[1]} must be {_spread(found[3])}, not {found[2]}", text)


def _no_number(found: re.Match[str]) -> str:
    """An option is named, as it may be one of many; what stands in a line by itself is seen there."""
    return (
        f"{found[1]} must be a number, not {found[2]}" if found[1][1] == "-" else f"{found[2]} is no number"
    )


def _spread(written: str) -> str:
    """`0<=x<=9` or `x>=0` as one would say it."""
    low, _, high = written.removeprefix("x>=").partition("<=x<=")
    return f"from {low} to {high}" if high else f"{low} or more"


def _understood(context: click.Context, line: str) -> bool:
    """Whether a line is one that is worth typing: a command with what it takes."""
    program = context.find_root().command
    return not isinstance(program, Commands) or program.could_be(shlex.split(line))


def _example(context: click.Context, facts: Facts) -> str:
    """The command's example; one that is more than a call of it stands as it is."""
    whole = facts.words == facts.example
    return facts.example if whole else _shown(context, facts.words)


def _meant(context: click.Context, words: Sequence[str], error: click.UsageError) -> list[str]:
    """The lines that were likely meant, without the program's name."""
    command = context.command
    options, others = sorted_out(command, words)
    if isinstance(command, click.Group):
        found = _in_group(context, command, error, others)
        return [] if found is None else [" ".join([found, shlex.join(options)]).rstrip()]
    facts = facts_of(command)
    if facts.text is not None and (line := options_first(context)) is not None:
        return [line]
    if facts.instead is not None and (tail := facts.instead(others)) is not None:
        return [" ".join([tail, shlex.join(options)]).rstrip()]
    if facts.text is not None and isinstance(error, click.NoSuchOption):
        at = next((at for at, word in enumerate(others) if word[:1] == "-" and len(word) > 1), None)
        if at is not None:
            return _as_text(facts, [*_path(context), *options], others[:at], others[at:])
    if others and not any(isinstance(each, click.Argument) for each in command.params):
        return [shlex.join([*_path(context), *options])]
    return []


def _as_text(facts: Facts, call: Sequence[str], before: Sequence[str], text: Sequence[str]) -> list[str]:
    """The call with what begins with a dash in its text; the names may stand behind it.

    Words between the first name and the dash are names or text: nobody knows here who is a user. Before what
    looks like an option they are text.
    """
    names, some = list(before), list(text)
    if facts.text == "everyone":
        names, some = [], [*names, *some]
    elif not names:
        names, some = some[1:], some[:1]
        if not names or not all(map(may_be_user, names)):
            return []
    elif not may_be_user(names[0]):
        return []
    readings = [(names, some)]
    if len(names) > 1 and before:
        joined = (names[:1], [*names[1:], *some])
        certain = bool(_LIKE_OPTION.match(some[0])) or not all(map(may_be_user, names))
        readings = [joined] if certain else [joined, *readings]
    return [shlex.join([*call, *to, "--", " ".join(said)]) for to, said in readings]


def _in_group(
    context: click.Context, group: click.Group, error: click.UsageError, words: Sequence[str]
) -> str | None:
    if isinstance(error, click.NoSuchOption):
        found = next(_with(group, lambda each: _has_option(each, error.option_name)), None)
        return None if found is None else shlex.join([*_path(context), *found, *words])
    if not words or group.get_command(context, words[0]) is not None:
        return None
    found = next(_with(group, lambda each: words[0].lower() in facts_of(each).usual), None)
    if found is not None:
        return shlex.join([*_path(context), *found, *words[1:]])
    if len(words) > 1 and "did you mean" not in error.format_message() and may_be_user(words[0]):
        sending = next(_with(group, lambda each: facts_of(each).text == "names"), None)
        if sending is not None:
            return shlex.join([*_path(context), *sending, words[0], " ".join(words[1:])])
    facts = group.facts if isinstance(group, Command) else None
    return None if facts is None or facts.instead is None else facts.instead(words)


def sorted_out(command: click.Command, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options that a command has, with their values, and all other words."""
    known = {name: each for each in command.params if isinstance(each, click.Option) for name in each.opts}
    options: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        option = known.get(name) or (known.get(word[:2]) if word[:2] != "--" else None)
        takes = option is not None and not (option.is_flag or option.count)
        if word == "--":
            others += rest
        elif option is None or (name not in known and not takes):
            others.append(word)
        else:
            options.append(word)
            if takes and not value and name in known:
                options += [each for each in (next(rest, None),) if each is not None]
    return options, others


def _with(group: click.Group, wanted: Callable[[click.Command], bool]) -> Iterator[list[str]]:
    """The commands of a group, and of its groups, that are wanted, each with its path."""
    for name, command in group.commands.items():
        if wanted(command):
            yield [name]
        elif isinstance(command, click.Group):
            yield from ([name, *path] for path in _with(command, wanted))


def _has_option(command: click.Command, option: str) -> bool:
    return any(option in each.opts for each in command.params)


def _path(context: click.Context) -> list[str]:
    """The words of the command itself, without the program."""
    names: list[str] = []
    here: click.Context | None = context
    while here is not None and here.parent is not None:
        names.insert(0, here.info_name or "")
        here = here.parent
    return names


def _shown(context: click.Context, line: str) -> str:
    return settings_of(context.parent or context).typed(line)
