"""What TAB offers behind the commands for files: names first, and only what the command can work on."""

import os
import subprocess
from pathlib import Path

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_files import make, offer
from tests.support.harness import BIN


def tab(cli: Cli, user: str, *words: str, in_shell: str = "zsh") -> list[str]:
    """What a shell is offered for the last of the words: values and descriptions."""
    typed = " ".join(("cnmessage", "--profile", user, *words))
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) + 2)}
    lines = cli("", _CNMESSAGE_COMPLETE=f"{in_shell}_complete", **asked).lines
    if in_shell == "bash":
        return lines
    return [f"{lines[at + 1]}: {lines[at + 2]}" for at in range(0, len(lines) - 2, 3)]


def test_tab_completes_names_of_files_that_were_seen_and_an_id_that_is_begun(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("tab1", "tab2")
    identity = offer(cli, "tab1", "tab2", make(tmp_path / "report.pdf", "x"))
    cli.ok("--profile", "tab2", "files")
    for word in ("", "rep"):
        assert tab(cli, "tab2", "files", "get", word) == [f"report.pdf: from tab1; 1 byte; {identity[:8]}"]
        assert tab(cli, "tab2", "files", "get", word, in_shell="bash") == ["plain,report.pdf"]
    assert tab(cli, "tab2", "getfile", identity[:3]) == [f"{identity[:8]}: report.pdf; from tab1; 1 byte"]
    asked = {"COMP_WORDS": "cnmessage --profile tab1 files send ta", "COMP_CWORD": "5"}
    shown = cli("", _CNMESSAGE_COMPLETE="bash_complete", **asked).out
    assert shown.splitlines() == ["plain,tab2", "file,ta"]


def test_tab_offers_each_command_only_what_it_can_work_on(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("can1", "can2")
    for name in ("taken-back", "had", "declined", "waiting"):
        offer(cli, "can1", "can2", make(tmp_path / name, name))

    def names(user: str, *words: str) -> list[str]:
        return [each.partition(":")[0] for each in tab(cli, user, *words, "")]

    for user in ("can1", "can2"):
        cli.ok("--profile", user, "files")
    assert names("can1", "files", "rm") == ["waiting", "declined", "had", "taken-back"]
    assert names("can1", "files", "cancel") == names("can1", "files", "get") == []
    assert names("can2", "files", "rm") == []
    cli.ok("--profile", "can1", "files", "rm", "taken-back")
    assert names("can1", "files", "rm") == ["waiting", "declined", "had"]
    folder = tmp_path / "in"
    folder.mkdir()
    # What its sender has withdrawn is not known here before the next command sees it.
    assert cli("--profile", "can2", "files", "get", "taken-back", "-o", str(folder)).status == 6
    assert names("can2", "files", "get") == ["waiting", "declined", "had"]
    cli.ok("--profile", "can2", "files", "cancel", "declined")
    cli.ok("--profile", "can2", "files", "get", "had", "-o", str(folder))
    cli.ok("--profile", "can2", "files", "list", "--received")
    assert names("can2", "files", "cancel") == ["waiting"]
    assert names("can2", "files", "get") == ["waiting", "declined", "had"]


ODD = ["my file.txt", "a$b`c", "it's", "a&b;c", "a*", "[x]", "x,y", "tab?", "back\\slash", 'q"', "naïve.txt"]


def test_bash_gets_each_name_as_one_word(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("bash1", "bash2")
    for name in ODD:
        offer(cli, "bash1", "bash2", make(tmp_path / name, "x"))
    cli.ok("--profile", "bash2", "files")
    script = cli.ok("completion", "bash").out
    ask = """
    COMP_WORDS=(cnmessage --profile bash2 files get ''); COMP_CWORD=5
    _cnmessage_completion cnmessage
    eval "words=(${COMPREPLY[*]})"; printf '<%s>\\n' "${words[@]}"
    """
    environment = cli.environment(PATH=f"{BIN}:{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-c", script + ask],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.splitlines() == [f"<{name}>" for name in reversed(ODD)]


def test_bash_offers_users_and_paths_where_either_may_stand(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("qarol", "qarla")
    cli.ok("--profile", "qarol", "users")
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("qargo list.txt", "other.txt", "qa*"):
        make(folder / name, "x")
    script = cli.ok("completion", "bash").out
    asking = """
    typed() { COMP_WORDS=(cnmessage --profile qarol "$@"); COMP_CWORD=$(($# + 2)); COMPREPLY=(); }
    compopt() { echo "compopt $1 $2"; }
    shown() { _cnmessage_completion cnmessage "$1" prev; printf '<%s>' "${COMPREPLY[@]}"; echo; }
    typed files send qar; shown qar
    typed files send qarol qa; shown qa
    typed files send oth; shown oth
    typed files send ''; shown ''
    typed files send --to qar; shown qar
    """
    environment = cli.environment(PATH=f"{BIN}:{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "--norc", "-c", script + asking],
        env=environment,
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["compopt -o filenames", "<qarla><qarol><qargo list.txt>"]
    assert lines[3] in ("<qarla><qarol><qa*><qargo list.txt>", "<qarla><qarol><qargo list.txt><qa*>")
    assert lines[4:6] == ["compopt -o default", "<>"]
    assert [name in lines[7] for name in ("<qarol>", "<other.txt>")] == [True, True]
    assert lines[8] == "<qarla><qarol>"
