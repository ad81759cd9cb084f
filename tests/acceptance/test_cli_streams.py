"""Standard streams that are closed, full, or without a reader: nothing is lost there, for every command."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client.cli.main import cli as program
from cnmessage_client.shell.command import Group
from tests.acceptance.conftest import Cli, Result
from tests.support.harness import BIN, PASSWORD, eventually
from tests.support.patience import PATIENCE

HERE = str(BIN / "cnmessage")


def sh(cli: Cli, script: str, *arguments: str, stdin: bytes | int = b"") -> Result:
    """Run a line of sh, in which "$@" is the command; it reads a text, or from a descriptor."""
    command = ["sh", "-c", script, "sh", HERE, *arguments]
    given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(
        command, **given, capture_output=True, env=cli.environment(), timeout=PATIENCE, check=False
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def unread(cli: Cli, name: str) -> int:
    return int(cli.ok("--profile", name, "whoami", "--json").objects[0]["unread"])


CALLS = {
    "send": "nobody-there text",
    "broadcast": "text",
    "sendfile": "nobody-there /etc/hosts",
    "getfile": "--all -o -",
    "get": "--all -o -",
    "signup": "closed-new --no-input",
    "login": "closed-new --no-input",
    "rm": "nobody-there",
    "cancel": "1a2b3c4d",
    "add": "nobody-there",
    "revoke": "999",
    "use": "closed1",
    "completion": "bash",
}


def every_call() -> Iterator[str]:
    """One call of every command."""
    for name, command in program.commands.items():
        if name == "chat":
            continue  # which has a test of its own: it may have nothing to print
        if not isinstance(command, Group) or command.invoke_without_command:
            yield f"{name} {CALLS.get(name, '')}".strip()
        if isinstance(command, Group):
            yield from (f"{name} {inner} {CALLS.get(inner, '')}".strip() for inner in command.commands)


@pytest.mark.parametrize("call", tuple(every_call()))
def test_a_closed_output_ends_every_command_before_it_does_anything(cli: Cli, call: str) -> None:
    for closing in ('exec "$@" >&-', 'exec "$@" 1</dev/null'):
        result = sh(cli, closing, *call.split())
        assert (result.status, result.out) == (6, ""), result.err
        assert result.err.startswith("cnmessage: standard output is closed")
        assert len(result.err.splitlines()) == 1


def test_a_closed_output_is_told_in_json_too_and_only_by_the_status_where_all_is_closed(cli: Cli) -> None:
    (line,) = sh(cli, 'exec "$@" <&- >&-', "whoami", "--json").err.splitlines()
    assert json.loads(line)["error"]["code"] == "storage"
    assert sh(cli, 'exec "$@" <&- >&- 2>&-', "whoami") == (6, "", "")


OUTPUTS = (">&-", ">/dev/full", "<&- >/dev/full", ">/dev/full 2>&-")


@pytest.mark.parametrize("output", OUTPUTS)
def test_nothing_counts_as_read_or_fetched_that_could_not_be_printed(
    cli: Cli, output: str, tmp_path: Path
) -> None:
    name, sender = f"out{OUTPUTS.index(output)}", f"in{OUTPUTS.index(output)}"
    cli.accounts(name, sender)
    cli.ok("--profile", sender, "send", name, "hello")
    (tmp_path / "a.txt").write_text("content")
    cli.ok("--profile", sender, "files", "send", name, str(tmp_path / "a.txt"))
    for command in (
        ("history", "--unread"),
        ("history", "--unread", "--json"),
        ("watch",),
        ("watch", "--json"),
        ("watch", "--exec", "cat >/dev/null"),
        ("files", "get", "a.txt", "-o", "-"),
    ):
        result = sh(cli, f'exec "$@" {output}', "--profile", name, *command)
        assert result.status == 6, (command, result)
        assert "Traceback" not in result.err
    assert unread(cli, name) == 2
    (file,) = cli.ok("--profile", sender, "files", "--json").objects
    assert file["recipients"][0]["state"] != "done"


@pytest.mark.parametrize("output", [">&-", ">/dev/full", "1</dev/null"])
@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_a_chat_ends_at_the_first_line_that_it_cannot_print(
    cli: Cli, output: str, mode: tuple[str, ...]
) -> None:
    name = f"chat{len(output)}{len(mode)}"
    cli.accounts(name, f"{name}-other")
    commanded = sh(cli, f'exec "$@" {output}', "--profile", name, "chat", *mode, stdin=b"whoami\nwhoami\n")
    assert (commanded.status, commanded.out) == (6, ""), commanded.err
    cli.ok("--profile", f"{name}-other", "send", name, "hello")
    silent, held = os.pipe()  # whoever types has typed nothing yet
    with os.fdopen(silent, "rb"), os.fdopen(held, "wb"):
        shown = sh(cli, f'exec "$@" {output}', "--profile", name, "chat", *mode, stdin=silent)
    assert (shown.status, shown.out) == (6, ""), shown.err
    assert unread(cli, name) == 1


@pytest.mark.parametrize("output", ["2>&-", "2>/dev/full"])
def test_where_nobody_can_be_told_a_command_does_what_it_would_have_done(cli: Cli, output: str) -> None:
    name = f"err{len(output)}"
    cli.accounts(name)
    assert sh(cli, f'exec "$@" {output}', "--profile", name, "send", name, "hi").status == 0
    assert sh(cli, f'exec "$@" {output}', "--profile", name, "send", "nobody-there", "hi").status == 5
    shown = sh(cli, f'exec "$@" {output}', "--profile", name, "history", "--unread")
    assert (shown.status, shown.out.endswith("hi\n")) == (0, True)
    assert sh(cli, f'exec "$@" {output}', "--profile", name, "history", "--unread").status == 0
    talked = sh(cli, f'exec "$@" {output}', "--profile", name, "chat", stdin=b"whoami\n")
    assert (talked.status, talked.out.startswith(name)) == (0, True)


@pytest.mark.parametrize("input_", ["<&-", "0>/dev/null"])
def test_a_closed_input_is_no_empty_text_and_no_empty_file(cli: Cli, input_: str) -> None:
    name = f"closed{len(input_)}"
    cli.accounts(name)
    for command in (
        ("send", name, "-"),
        ("broadcast", "-"),
        ("files", "send", name, "-", "--name", "x"),
        ("sendfile", name, "-", "--name", "x"),
        ("signup", "nobody", "--profile", "fresh", "--password-stdin"),
        ("passwd", "--password-stdin"),
        ("chat",),
        ("chat", name),
    ):
        result = sh(cli, f'exec "$@" {input_}', "--profile", name, *command)
        assert (result.status, result.out) == (6, ""), (command, result)
        assert result.err.startswith("cnmessage: standard input cannot be read")
        assert len(result.err.splitlines()) == 1
    assert cli.ok("--profile", name, "files").out == ""
    assert "[" not in sh(cli, f'exec "$@" {input_}', "--profile", name, "chat").err
    # What reads nothing needs none.
    assert sh(cli, f'exec "$@" {input_}', "--profile", name, "whoami").status == 0


def test_an_input_that_cannot_be_read_is_no_empty_chat(cli: Cli) -> None:
    cli.accounts("unreadable1")
    with Path("/proc/self/mem").open("rb") as unreadable:
        result = sh(cli, 'exec "$@"', "--profile", "unreadable1", "chat", stdin=unreadable.fileno())
    assert result.status == 6, result
    assert "standard input cannot be read: Input/output error" in result.err


@pytest.mark.parametrize("command", ["send", "broadcast"])
def test_a_message_whose_receipt_cannot_be_printed_is_said_to_be_stored(cli: Cli, command: str) -> None:
    cli.accounts(f"full-{command}")
    words = [command, f"full-{command}", "hi"] if command == "send" else [command, "hi"]
    result = sh(cli, 'exec "$@" >/dev/full', "--profile", f"full-{command}", *words)
    assert result.status == 6
    assert "is stored" in result.err


LONG_LIVED = (
    ("watch",),
    ("watch", "--json"),
    ("watch", "--exec", "cat >/dev/null"),
    ("chat", "--json"),
    ("chat", "--plain"),
)


@pytest.mark.parametrize("command", LONG_LIVED, ids=" ".join)
def test_a_reader_that_leaves_ends_what_would_go_on(cli: Cli, command: tuple[str, ...]) -> None:
    name = "gone" + "".join(filter(str.isalpha, "".join(command)))[:20]
    cli.accounts(name)
    with subprocess.Popen(
        [HERE, "--profile", name, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=cli.environment(),
    ) as process:
        try:
            eventually(lambda: online(cli, name))
            assert process.stdout is not None
            process.stdout.close()
            assert process.wait(PATIENCE) == 1
            assert not online(cli, name)
        finally:
            process.kill()


def online(cli: Cli, name: str, asker: str | None = None) -> bool:
    users = cli.ok("--profile", asker or name, "users", "--json").objects
    return any(each["online"] for each in users if each["name"] == name)


@pytest.mark.parametrize("options", [("-o", "-"), ("--json",), ()])
def test_a_reader_that_leaves_ends_what_is_being_fetched(
    cli: Cli, options: tuple[str, ...], tmp_path: Path
) -> None:
    name = f"fetcher{len(''.join(options))}"
    cli.accounts(name)
    (tmp_path / "large").write_bytes(os.urandom(1 << 20) * 64)
    cli.ok("--profile", name, "files", "send", name, str(tmp_path / "large"))
    target = tmp_path / "target"
    target.mkdir()
    command = [HERE, "--profile", name, "files", "get", "large", *(options or ("-o", str(target)))]
    if options == ("--json",):
        command += ["-o", str(target)]
    result = sh(cli, f"{{ {shlex.join(command)}; echo $? >&2; }} | true")
    assert result.err.splitlines()[-1] == "1"
    (info,) = cli.ok("--profile", name, "files", "list", "--received", "--json").objects
    assert info["recipients"][0]["state"] != "done"
    assert not (target / "large").exists()


WAITING = (
    (("send", "NAME", "hi", "--wait", "read"), 6, "the message is stored"),
    (("send", "NAME", "hi", "--wait", "delivered", "--json"), 6, "the message is stored"),
    (("broadcast", "hi", "--wait", "read"), 6, "the message is stored"),
    (("files", "send", "NAME", "/etc/hostname", "--wait", "fetched"), 1, "is stored"),
    (("sendfile", "NAME", "/etc/hostname", "--wait", "fetched"), 1, "is stored"),
)


@pytest.mark.parametrize(("words", "status", "said"), WAITING, ids=[" ".join(each[0]) for each in WAITING])
def test_a_wait_ends_when_nobody_can_hear_of_it_and_what_is_stored_stays(
    cli: Cli, words: tuple[str, ...], status: int, said: str
) -> None:
    name = f"hears{WAITING.index((words, status, said))}"
    cli.accounts(name, f"{name}-to")
    with cli.start("--profile", f"{name}-to", "watch") as watch:
        eventually(lambda: online(cli, f"{name}-to"))
        if words[0] != "broadcast":
            watch.end()
        else:
            watch.process.send_signal(signal.SIGSTOP)  # it is online, and reads nothing
        call = [f"{name}-to" if word == "NAME" else word for word in words]
        command = shlex.join([HERE, "--profile", name, *call, "--timeout", str(10 * PATIENCE)])
        result = sh(cli, f"{{ {command}; echo $? >&2; }} | true")
    *lines, ended = result.err.splitlines()
    assert (ended, said in lines[-1]) == (str(status), True)
    if words[0] == "send":
        assert [row[-1] for row in cli.ok("--profile", f"{name}-to", "history").rows] == ["hi"]
    elif words[0] != "broadcast":
        assert cli.ok("--profile", f"{name}-to", "files", "--json").objects[0]["state"] == "stored"


def test_a_reader_that_stays_gets_all(cli: Cli) -> None:
    cli.accounts("stays1")
    for number in range(3):
        cli.ok("--profile", "stays1", "send", "stays1", f"text {number}")
    shown = sh(cli, '"$@" | cat', "--profile", "stays1", "watch", "--count", "3")
    assert [line.split("\t")[-1] for line in shown.lines] == ["text 0", "text 1", "text 2"]
    assert unread(cli, "stays1") == 0
    assert PASSWORD not in shown.err
