"""The commands as a set: how each can end, its example, its group, and the settings it gets."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click
import pytest

from cnmessage_client import CnMessageError, ErrorCode
from cnmessage_client.cli.main import GROUPS, cli
from cnmessage_client.shell.group import example
from cnmessage_client.shell.outcome import ended, perform
from cnmessage_client.shell.settings import Settings, common


def _every(group: click.Group = cli, path: Sequence[str] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield " ".join([*path, name]), command
        if isinstance(command, click.Group):
            yield from _every(command, [*path, name])


EVERY = dict(_every())


FULL = "No space left on device"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (CnMessageError(ErrorCode.QUOTA, "full"), 7, "full"),
        (click.UsageError("Bad."), 2, "Bad"),
        (click.ClickException("odd"), 1, "odd"),
        (KeyboardInterrupt(), 130, None),
        (click.Abort(), 130, None),
        (BrokenPipeError(), 1, None),
        (PermissionError(13, "Permission denied", "a.txt"), 1, "a.txt: Permission denied"),
        (OSError(5, "Input/output error"), 1, "output: Input/output error"),
        (
            OSError(28, FULL),
            6,
            f"no room for the output on this machine: {FULL}; make room, then the same call goes on",
        ),
    ],
)
def test_every_way_to_end_has_its_words_and_its_status(
    error: BaseException, status: int, said: str | None
) -> None:
    trouble, number = ended(error)
    assert (None if trouble is None else trouble.message, number) == (said, status)


def test_a_defect_is_not_taken_for_an_end() -> None:
    defect = KeyError("x")
    with pytest.raises(KeyError) as caught:
        ended(defect)
    assert caught.value is defect


@pytest.mark.parametrize("path", EVERY)
def test_every_command_has_one_example_which_is_a_call_of_it(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    for name, command in EVERY.items():
        monkeypatch.setattr(command, "callback", lambda _name=name, **_: called.append(_name))
    assert (EVERY[path].help or "").count("Example: ") == 1
    text = example(EVERY[path])
    program, *words = shlex.split(text.partition(" | ")[0].removeprefix('eval "$(').removesuffix(')"'))
    assert (program, perform(cli, words, Settings())) == ("cnmessage", (None, 0))
    assert path in called


def test_the_groups_hold_every_command_but_help() -> None:
    listed = {command.name for _, commands in GROUPS for command in commands}
    assert listed == set(cli.commands) - {"help"}


def test_the_settings_of_the_outermost_group_are_those_it_is_given() -> None:
    got: list[Any] = []

    @click.group()
    @common
    def outer(settings: Settings) -> None:
        got.append(settings)

    @outer.command()
    @common
    def act(settings: Settings) -> None:
        got.append(settings)

    given = Settings(profile="given", as_json=True)
    outer.main(["act"], obj=given, standalone_mode=False)
    outer.main(["--quiet", "act"], obj=given, standalone_mode=False)
    outer.main(["act"], obj="something else", standalone_mode=False)
    quiet = replace(given, quiet=True)
    assert got == [given, given, quiet, quiet, Settings(), Settings()]
