"""Passwords: from a prompt, from standard input or from a file, never from a flag's value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from cnmessage_client.shell.read.texts import read_lines
from cnmessage_client.shell.settings import Settings, usage
from cnmessage_protocol.requests import MAX_PASSWORD, MIN_PASSWORD

Function = TypeVar("Function", bound=Callable[..., Any])


def password_options(function: Function) -> Function:
    """Add --password-stdin and --password-file."""
    from_file = click.option(
        "--password-file",
        type=click.Path(path_type=Path, dir_okay=False),
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
) -> list[str]:
    """One password for each prompt; from a file or standard input they are lines.

    With `new_last` the last one is new: it is asked for twice and must be long enough.
    """
    given = _given(
        settings, prompts, password_stdin=password_stdin, password_file=password_file, new_last=new_last
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
) -> list[str]:
    if password_stdin and password_file is not None:
        raise usage("give --password-stdin or --password-file, not both")
    if password_file is not None:
        try:
            with password_file.open("rb") as file:
                return _lines(file, prompts, str(password_file))
        except OSError as error:
            raise usage(f"cannot read {password_file}: {error.strerror}; check the path") from error
    if password_stdin:
        return _lines(settings.host.stdin(), prompts, "standard input")
    if not settings.interactive:
        raise usage("a password is needed: use --password-stdin or --password-file, or run in a terminal")
    *known, last = [f"{prompt}: " for prompt in prompts]
    answers = [settings.ask(question, hidden=True) for question in known]
    check = _long_enough if new_last else bool
    return [*answers, settings.ask(last, hidden=True, twice=new_last, check=check)]


def _lines(source: BinaryIO, prompts: list[str], place: str) -> list[str]:
    lines = read_lines(source, place, len(prompts), MAX_PASSWORD)
    if len(lines) < len(prompts) or not all(lines):
        wanted = " and ".join(prompt.lower() for prompt in prompts)
        raise usage(f"{place} must hold {wanted}, one a line")
    return lines
