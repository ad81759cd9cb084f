"""Passwords: from a prompt, from standard input or from a file, never from a flag's value."""

from codecs import BOM_UTF8
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from cnmessage_client.home_files import RAISE_LIMIT, TOO_MANY
from cnmessage_client.shell.read.named_file import Named, read_beginning
from cnmessage_client.shell.read.texts import read_lines
from cnmessage_client.shell.settings import Settings, usage
from cnmessage_protocol.requests import MAX_PASSWORD, MIN_PASSWORD

_LINE_END = 3
"""Bytes behind a password: the end of its line, and one that shows that it is too long."""

Function = TypeVar("Function", bound=Callable[..., Any])


def password_options(function: Function) -> Function:
    """Add --password-stdin and --password-file."""
    from_file = click.option(
        "--password-file",
        type=Named(path_type=Path, dir_okay=False),
        help="Read the password from the first line of a file.",
    )
    from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
    return from_stdin(from_file(function))


def read_passwords(
    settings: Settings,
    prompts: list[str],
    *,
    password_stdin: bool,
    password_file: Path | None,
    new_last: bool = False,
    asked: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """One password for each prompt; from a file or standard input they are lines.

    With `new_last` the last one is new: it is asked for twice and must be long enough. `asked` is called with
    each that a person gave before it; what it raises ends the asking.
    """
    given = _given(
        settings,
        prompts,
        password_stdin=password_stdin,
        password_file=password_file,
        new_last=new_last,
        asked=asked,
    )
    if new_last:
        _long_enough(given[-1])
    return given


def _long_enough(password: str) -> None:
    if len(password.encode()) < MIN_PASSWORD:
        raise usage(f"a password has at least {MIN_PASSWORD} characters; nothing was changed")


def _given(
    settings: Settings,
    prompts: list[str],
    *,
    password_stdin: bool,
    password_file: Path | None,
    new_last: bool,
    asked: Callable[[str], None],
) -> list[str]:
    if password_stdin and password_file is not None:
        raise usage("give --password-stdin or --password-file, not both")
    if password_file is not None:
        return _lines(_from_file(settings, password_file, len(prompts)), prompts, str(password_file))
    if password_stdin:
        return _lines(settings.host.stdin(), prompts, "standard input")
    if not settings.interactive:
        raise usage("a password is needed: use --password-stdin or --password-file, or run in a terminal")
    *known, last = [f"{prompt}: " for prompt in prompts]
    answers: list[str] = []
    for question in known:
        answers.append(settings.ask(question, hidden=True))
        asked(answers[-1])
    check = _long_enough if new_last else bool
    return [*answers, settings.ask(last, hidden=True, twice=new_last, check=check)]


def _from_file(settings: Settings, path: Path, count: int) -> BinaryIO:
    """As many lines as it shall hold; what has no end, or brings nothing, is not waited for."""
    most = count * (MAX_PASSWORD + _LINE_END) + len(BOM_UTF8)
    try:
        data = read_beginning(path, most, lambda data: data.count(b"\n") >= count, settings.timeout)
    except TimeoutError as error:
        raise usage(f"cannot read {path}: {error.strerror}; --timeout SECONDS waits longer") from error
    except OSError as error:
        advice = RAISE_LIMIT if error.errno in TOO_MANY else "check the path"
        raise usage(f"cannot read {path}: {error.strerror}; {advice}") from error
    return BytesIO(data)


def _lines(source: BinaryIO, prompts: list[str], place: str) -> list[str]:
    lines = read_lines(source, place, len(prompts), MAX_PASSWORD)
    if len(lines) < len(prompts) or not all(lines):
        wanted = " and the ".join(prompt.lower() for prompt in prompts)
        raise usage(
            f"{place} must hold the {wanted}{', one a line' if len(prompts) > 1 else ', in one line'}"
        )
    return lines
