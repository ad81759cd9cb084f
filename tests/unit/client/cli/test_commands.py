"""The commands as a set: how each can end, the facts it stands with, and the settings it gets."""

import shlex
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import click
import pytest
from msgspec import structs

from cnmessage_client import Client, CnMessageError, ErrorCode
from cnmessage_client.cli.main import COMMANDS, cli
from cnmessage_client.shell.command import Command, Facts, Group, Section, facts_of, group
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.outcome import ended, perform
from cnmessage_client.shell.read.completion import complete_name, complete_name_or_path
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


def _noting(command: click.Command, called: list[str], path: str = "") -> Any:
    """The same command, and all below it, that note that they were called and do nothing else."""
    same = copy(command)
    same.callback = lambda **_: called.append(path)
    if isinstance(same, click.Group):
        same.commands = {
            name: _noting(each, called, f"{path} {name}".strip()) for name, each in same.commands.items()
        }
    return same


@pytest.mark.parametrize("path", EVERY)
def test_every_command_has_one_example_which_is_a_call_of_it(path: str) -> None:
    called: list[str] = []
    quiet: Commands = _noting(cli, called)
    assert (EVERY[path].help or "").count("Example: ") == 1
    text = facts_of(EVERY[path]).example
    program, *words = shlex.split(text.partition(" | ")[0].removeprefix('eval "$(').removesuffix(')"'))
    assert (program, perform(quiet, words, Settings())) == ("cnmessage", (None, 0))
    assert path in called


def test_a_command_cannot_be_made_without_its_facts() -> None:
    def act() -> None: ...

    for make in (click.command(cls=Command), click.group(cls=Group), cli.command("new")):
        with pytest.raises(TypeError, match="facts"):
            make(act)
    assert "new" not in cli.commands
    with pytest.raises(TypeError, match="'act' was made without its facts"):
        facts_of(click.command()(act))


@pytest.mark.parametrize("path", EVERY)
def test_every_command_has_facts_that_agree_with_it(path: str) -> None:
    command, facts = EVERY[path], facts_of(EVERY[path])
    outer = path.rpartition(" ")[0]
    assert not outer or facts.section is facts_of(EVERY[outer]).section
    assert not (outer and facts.aliases)  # they are names beside those of the program
    assert {type(facts.asks), type(facts.account), type(facts.moves)} == {bool}
    assert facts.account or not (facts.enters or facts.leaves)
    reads_passwords = any("--password-stdin" in each.opts for each in command.params)
    assert facts.asks is reads_passwords
    options = {option for each in command.params for option in each.opts}
    assert facts.unread is None or facts.unread in options
    completes_users = [
        each
        for each in command.params
        if isinstance(each, click.Argument)
        and each._custom_shell_complete in {complete_name, complete_name_or_path}
    ]
    assert facts.to_users is bool(completes_users)


def test_help_lists_every_command_once_in_the_section_of_its_facts() -> None:
    listed = [(each.name, section) for section, commands in cli.sections for each in commands]
    assert sorted(listed, key=str) == sorted(
        ((name, facts_of(command).section) for name, command in cli.commands.items()), key=str
    )
    assert list(COMMANDS) == [name for name, _ in listed if name != "help"]


def test_aliases_lead_to_their_command_with_its_facts() -> None:
    for alias, name in cli.aliases.items():
        assert cli.facts[alias] is cli.facts[name]
        assert cli.get_command(click.Context(cli), alias) is cli.commands[name]
    assert not set(cli.aliases) & set(cli.commands)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("files", "files"),
        ("files send bob a.txt", "files send"),
        ("files --json send bob a.txt", "files send"),
        ("files bob send", "files"),
        ("block add bob", "blacklist add"),
        ("send files send", "send"),
        ("help files send", "help"),
    ],
)
def test_the_facts_of_a_line_are_those_of_the_innermost_command(line: str, path: str) -> None:
    assert cli.facts_of(line.split()) is facts_of(EVERY[path])


def test_a_command_is_given_its_own_facts_and_its_host_too() -> None:
    facts = Facts(Section.FILES, "cnmessage outer", asks=False, account=False, moves=True)
    got: list[Facts | None] = []

    @group(facts)
    @common
    def outer(settings: Settings) -> None:
        got.append(settings.facts)

    inner = structs.replace(facts, moves=False)

    @outer.command(facts=inner)
    @common
    def act(settings: Settings) -> None:
        got.append(settings.facts)

    outer.main(["act"], standalone_mode=False)
    assert got == [facts, inner]

    async def job(_: Client) -> None: ...

    with pytest.raises(TypeError, match="only a command"):
        Settings().run(job)


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
