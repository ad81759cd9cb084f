"""The README tells the truth: its commands exist, its examples run, its table of exit codes is the code's."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cnmessage_broker.cli import cli as broker_cli
from cnmessage_client.cli.main import cli as program
from cnmessage_client.shell.command import facts_of
from cnmessage_protocol.errors import EXIT_STATUS
from tests.acceptance.conftest import Cli, Running
from tests.support.harness import BIN
from tests.support.patience import PATIENCE
from tests.support.terminal import ScreenTerminal

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = README + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
BLOCKS = {
    kind: re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL) for kind in ("sh", "python")
}
IN_SCRIPTS = next(block for block in BLOCKS["sh"] if "uptime" in block)
OF_NOTIFICATIONS = next(block for block in BLOCKS["sh"] if "--notify" in block)
OF_COPIES = next(block for block in BLOCKS["sh"] if "cnmessage export" in block)
OF_FILES = next(block for block in BLOCKS["sh"] if "files send" in block)


def enter(cli: Cli, *names: str) -> None:
    """The README's users, in a home of their own but at a broker that other tests share: signup or login."""
    for name in names:
        cli.ok("--profile", name, "signup", name, "--password-stdin", stdin="a robot's password\n")


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group with the words that lead to it."""
    for name, command in group.commands.items():
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


def usage(words: str, command: click.Command) -> str:
    """How a command is typed, without its options; a group is its own name here."""
    context = click.Context(command, info_name=words)
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    return " ".join([words, *(each.make_metavar(context) for each in arguments)])


def test_the_readmes_tables_are_the_commands_each_in_its_section_with_its_names_and_its_example() -> None:
    listed, section = [], ""
    for line in README.splitlines():
        section = line.removeprefix("#### ") if line.startswith("#") else section
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if line.startswith("| `"):
            command, does, example = cells
            typed, *aliases = re.findall(r"`([^`]+)`", command)
            assert does
            listed.append((section, typed, tuple(aliases), example.strip("`")))
    every = dict(commands(program))
    assert listed == [
        (section.value, usage(words, command), facts.aliases, facts.example)
        for section, tops in program.sections
        for top in tops
        for words, command in every.items()
        if words.split()[0] == top.name
        for facts in [facts_of(command)]
    ]


def test_every_long_option_is_explained_in_the_readme_or_in_its_help() -> None:
    common = {"--profile", "--broker", "--json", "--no-input", "--quiet", "--debug", "--timeout"}
    assert {option for option in common if f"`{option}" not in README} == set()
    for words, command in commands(program):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{words} {parameter.opts}"


@pytest.mark.parametrize("words", [words for words, _ in commands(broker_cli)])
def test_every_command_of_the_broker_is_documented(words: str) -> None:
    assert f"cnmessage-broker {words}" in DOCS


def test_the_table_of_exit_codes_is_the_codes() -> None:
    told = {int(number) for number in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert told == {0, *EXIT_STATUS.values()}


def test_every_file_the_readme_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("line", IN_SCRIPTS.strip().splitlines())
def test_the_examples_for_scripts_run_as_they_stand(cli: Cli, tmp_path: Path, line: str) -> None:
    if "jq" in line and shutil.which("jq") is None:
        line = line.replace("jq -r '.from + \": \" + .body'", "cat").replace("jq -r .body", "cat")
    if "watch" in line:
        line = line.replace("watch", "watch --count 1")  # the README's goes on for ever
    line = line.replace("--timeout 30", "--timeout 1")
    enter(cli, "alice", "robot")
    cli.ok("--profile", "robot", "send", "alice", "something to read")
    environment = cli.environment(
        CNMESSAGE_PROFILE="alice",
        PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}",
        SECRET="a robot's password",
    )
    shell = ["bash", "-euo", "pipefail", "-c", line]
    done = subprocess.run(
        shell, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or (tmp_path / "inbox.txt").exists()


@pytest.mark.parametrize("line", OF_NOTIFICATIONS.strip().splitlines())
def test_the_examples_for_notifications_run_as_they_stand_in_a_terminal(
    cli: Cli, tmp_path: Path, line: str
) -> None:
    enter(cli, "alice", "robot")
    cli.ok("--profile", "robot", "send", "alice", "something to read")
    line = line.replace("watch", "watch --count 1")  # the README's goes on for ever
    environment = cli.environment(
        CNMESSAGE_PROFILE="alice", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", TERM="xterm", LANG="C.UTF-8"
    )
    shell = ["/bin/sh", "-ec", f"cd {shlex.quote(str(tmp_path))}; {line}"]
    with ScreenTerminal(shell, environment) as terminal:
        assert terminal.finish() == 0
        assert b"\x1b]9;" in terminal.raw
        there = (tmp_path / "inbox.jsonl").exists()
        assert there is ("inbox" in line)
        assert there or terminal.lines[0]


def test_the_examples_for_files_run_one_after_the_other_as_they_stand(cli: Cli, tmp_path: Path) -> None:
    enter(cli, "alice")
    for name in ("report.pdf", "photos/a.jpg", "photos/b.jpg"):
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(3000))
    # Sender and receiver are one user here; only the receiver's commands run where nothing is yet.
    (tmp_path / "there" / "downloads").mkdir(parents=True)
    environment = cli.environment(
        CNMESSAGE_PROFILE="alice", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", HOME=str(tmp_path)
    )
    out = ""
    for line in OF_FILES.strip().splitlines():
        shell = ["bash", "-euo", "pipefail", "-c", line]
        folder = tmp_path / ("there" if " get " in line else "here")
        done = subprocess.run(
            shell, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        out = done.stdout
    assert '"report.pdf"' in out
    for name, copy in (("report.pdf", "downloads/report.pdf"), ("photos/a.jpg", "photos/a.jpg")):
        assert (tmp_path / "there" / copy).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_the_examples_of_copies_run_one_after_the_other_as_they_stand(cli: Cli, tmp_path: Path) -> None:
    enter(cli, "alice", "robot")
    (tmp_path / "a.txt").write_text("content")
    cli.ok("--profile", "robot", "files", "send", "alice", str(tmp_path / "a.txt"), "--note", "<here>")
    environment = cli.environment(CNMESSAGE_PROFILE="alice", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    shell = ["bash", "-euo", "pipefail", "-c", OF_COPIES]
    done = subprocess.run(
        shell, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"robot"' in (tmp_path / "everything.jsonl").read_text()
    assert done.stdout.startswith("# Messages of alice with alice\n")
    assert "&lt;here&gt;" in (tmp_path / "talk.html").read_text()
    assert (tmp_path / "talk-files" / "a.txt").read_text() == "content"


def test_the_python_example_runs_as_it_stands(cli: Cli, tmp_path: Path) -> None:
    enter(cli, "alice", "bob")
    cli.ok("--profile", "bob", "send", "alice", "an answer")
    script = tmp_path / "example.py"
    script.write_text(BLOCKS["python"][0], encoding="utf-8")
    cli.ok("profile", "use", "alice")
    with Running([sys.executable, "-u", str(script)], cli.environment()) as running:
        assert running.line().startswith("on disk: ")
        # Other tests have written to alice at this broker too.
        assert running.wait_for("bob", "stdout") == "bob an answer"
