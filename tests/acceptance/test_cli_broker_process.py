"""The broker as a process among others: signals, its terminal, its ports, what it writes, who may read it."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from cnmessage_broker.maintenance.check import check
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.acceptance.conftest import Cli, Result, Running, Terminal
from tests.support.harness import BIN, BrokerProcess, eventually, free_port, home_at
from tests.support.patience import PATIENCE
from tests.support.shortage import small_disk

ROOT = Path(__file__).parents[2]
_PROGRAM = str(BIN / "cnmessage-broker")


def _environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": os.environ.get("LANG", "C.UTF-8"), **more}


def _run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the broker's that ends by itself."""
    return _ended(_PROGRAM, *command, **environment)


def _ended(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = _environment(**environment)
    return subprocess.run(command, capture_output=True, text=True, env=own, timeout=PATIENCE, check=False)


def _events(lines: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.splitlines()]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "broker.toml"
    path.write_text(f'port = {free_port()}\ndata = "{tmp_path / "data"}"\nfile_quota = 1000\n')
    return path


@pytest.fixture
def running(settings: Path) -> Iterator[Running]:
    command = [_PROGRAM, "start", "--config", str(settings), "--log-format", "json"]
    with Running(command, _environment()) as started:
        started.wait_for("signup NAME", "stdout")
        started.wait_for("broker is ready")
        yield started


# -- signals ---------------------------------------------------------------------------------------


def test_sighup_reads_the_settings_again_and_tells_what_waits_for_a_restart(
    running: Running, settings: Path
) -> None:
    def hung_up(text: str) -> dict[str, object]:
        settings.write_text(text)
        running.process.send_signal(signal.SIGHUP)
        return dict(json.loads(running.wait_for("settings")))

    before = settings.read_text()
    heard = hung_up(before)
    assert (heard["event"], heard["changed"], heard["needs_restart"]) == ("settings read again", [], [])
    heard = hung_up(before.replace("1000", "2000") + "max_transfers = 9\n")
    assert (heard["changed"], heard["needs_restart"]) == (["file_quota"], ["max_transfers"])
    heard = hung_up("port = ")
    assert (heard["event"], heard["level"]) == ("settings not read", "error")
    assert str(settings) in str(heard["reason"])
    assert running.end(signal.SIGTERM).status == 0


@pytest.mark.parametrize("kind", ["substituted", "named"])
def test_settings_that_came_through_a_pipe_are_not_read_again_and_stay(tmp_path: Path, kind: str) -> None:
    text = f'port = {free_port()}\ndata = "{tmp_path / "data"}"\nfile_quota = 1000\n'
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = '"$@" --config <(printf %s "$SETTINGS")' if kind == "substituted" else '"$@" --config "$PIPE"'
    command = ["bash", "-c", f"exec {script}", "bash", _PROGRAM, "start", "--log-format", "json"]
    with Running(command, _environment(SETTINGS=text, PIPE=str(pipe))) as running:
        if kind == "named":
            pipe.write_text(text)
        running.wait_for("signup NAME", "stdout")
        running.process.send_signal(signal.SIGHUP)
        heard = json.loads(running.wait_for("settings not read"))
        assert (heard["event"], heard["level"]) == ("settings not read", "error")
        assert "restart the broker" in heard["reason"]
        running.process.send_signal(signal.SIGUSR1)  # it goes on: no named pipe is waited for
        running.wait_for("signal ignored")
        assert running.end(signal.SIGTERM).status == 0


def test_settings_that_were_read_again_hold(tmp_path: Path, settings: Path) -> None:
    (tmp_path / "x").write_text("x" * 100)
    command = [_PROGRAM, "start", "--config", str(settings), "--log-format", "json"]
    with Running(command, _environment()) as running:
        address = running.wait_for("signup NAME", "stdout").split("'")[1]
        cli = Cli(home_at(tmp_path / "home"), address)
        cli.accounts("quota1")
        settings.write_text(settings.read_text().replace("1000", "99"))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("settings read again")
        assert cli("--profile", "quota1", "files", "send", "quota1", str(tmp_path / "x")).status == 7
        assert json.loads(running.wait_for("over the quota"))["user"] == "quota1"


NAMES = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR")
QUIET = ("SIGPIPE", "SIGWINCH", "SIGCONT", "SIGURG", "SIGCHLD")


def test_a_signal_that_means_nothing_ends_nothing(running: Running) -> None:
    for name in QUIET:
        running.process.send_signal(getattr(signal, name))
    for name in [each for each in NAMES if hasattr(signal, each)]:
        running.process.send_signal(getattr(signal, name))
        heard = json.loads(running.wait_for("signal ignored"))
        assert heard["signal"] in {name, "SIGPOLL"}
    assert running.end(signal.SIGQUIT).status == 0


def test_a_log_that_nobody_reads_any_more_ends_nothing(tmp_path: Path) -> None:
    command = [_PROGRAM, "start", "--port", str(free_port()), "--data", str(tmp_path / "data")]
    ends = [os.pipe(), os.pipe()]
    process = subprocess.Popen(command, stdout=ends[0][1], stderr=ends[1][1], env=_environment())
    for mine, theirs in ends:
        os.close(theirs)
        assert os.read(mine, 1)
        os.close(mine)
    health = tmp_path / "data" / "health.json"
    eventually(health.exists)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGUSR1)
    before = health.stat().st_ino
    eventually(lambda: health.stat().st_ino != before, PATIENCE)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_on_a_terminal_it_says_everything_once_and_ends_with_it(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    command = [_PROGRAM, "start", "--port", str(port), "--data", str(data)]
    with Terminal(command, _environment(TERM="xterm")) as terminal:
        shown = terminal.until("signup NAME")
        assert shown.count(str(data)) == 1
        assert "broker is ready" not in shown
        terminal.enter("\x03")
        assert terminal.finish() == 0
    terminal = Terminal(command, _environment(TERM="xterm"))
    terminal.until("signup NAME")
    os.close(terminal._side)
    assert terminal.process.wait(PATIENCE) == 0
    assert _run("check", "--data", str(data)).returncode == 0


# -- refusals in the log ---------------------------------------------------------------------------


def test_wrong_passwords_and_refused_signups_stand_in_the_log(tmp_path: Path) -> None:
    command = [_PROGRAM, "start", "--port", str(free_port()), "--data", str(tmp_path / "data")]
    with Running([*command, "--log-format", "json"], _environment()) as running:
        address = running.wait_for("signup NAME", "stdout").split("'")[1]
        cli = Cli(home_at(tmp_path / "home"), address)
        cli.accounts("mine1")
        guess = "a guess that is wrong"
        for _ in range(12):
            done = cli("--profile", "eve", "login", "mine1", "--password-stdin", "--no-input", stdin=guess)
            assert done.status in {4, 7}
        cli("--profile", "mal", "signup", "mine1", "--password-stdin", "--no-input", stdin=guess)
        slip = "a-password-typed-as-name"
        cli("--profile", "eve", "login", slip, "--password-stdin", "--no-input", stdin=guess)
        log = running.end(signal.SIGTERM).err
    heard = [each for each in _events(log) if str(each["event"]).endswith(" refused")]
    assert [each["event"] for each in heard] == ["login refused"] * 12 + ["signup refused", "login refused"]
    assert [each["user"] for each in heard] == ["mine1"] * 13 + [None]
    assert {each["address"] for each in heard} == {"127.0.0.1"}
    assert len({each["key"] for each in heard}) == 14  # a login that failed leaves no key behind
    assert {each["reason"] for each in heard} == {"bad_credentials", "rate_limited"}
    assert guess not in log
    assert slip not in log


# -- what it writes --------------------------------------------------------------------------------


def test_a_start_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    for offset in (0, 3):
        with closing(socket.socket()) as other:
            other.bind(("127.0.0.1", port + offset))
            other.listen()
            done = _run("start", "--port", str(port), "--data", str(tmp_path / "data"))
        assert (done.returncode, str(port + offset) in done.stderr) == (1, True)
        assert list(tmp_path.iterdir()) == []
    for host in ("203.0.113.9", "no.such.host.invalid"):
        done = _run("start", "--host", host, "--port", str(port), "--data", str(tmp_path / "data"))
        assert (done.returncode, "no address of this machine" in done.stderr) == (1, True)
        assert list(tmp_path.iterdir()) == []


_NO_MASK = ("sh", "-c", 'umask 0; exec "$@"', "sh")
"""Before a command: a mask that says nothing."""


def test_without_a_umask_nobody_else_may_read_or_write_what_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    data, home = tmp_path / "a" / "data", tmp_path / "b" / "home"
    sent, got, secret = tmp_path / "x", tmp_path / "got", tmp_path / "password"
    sent.write_text("x")
    secret.write_text("correct horse\n")
    got.mkdir()
    command = (*_NO_MASK, _PROGRAM, "start", "--port", str(free_port()), "--data", str(data))
    with Running(command, _environment()) as running:
        address = running.wait_for("signup NAME", "stdout").split("'")[1]

        def cli(*words: str) -> None:
            program = (*_NO_MASK, str(BIN / "cnmessage"), "--broker", address, *words)
            done = _ended(*program, CNMESSAGE_HOME=str(home))
            assert done.returncode == 0, done.stderr

        cli("signup", "umask1", "--password-file", str(secret))
        cli("profile", "use", "default")
        cli("send", "umask1", "hello")
        cli("files", "send", "umask1", str(sent))
        cli("files", "get", "x", "-o", str(got))
        cli("files", "list")
        cli("users")
        eventually((data / "health.json").exists)
        done = _ended(*_NO_MASK, _PROGRAM, "backup", str(data / "copy.db"), "--data", str(data))
        assert done.returncode == 0, done.stderr
        while_it_runs = list(data.rglob("*"))
        assert [each for each in while_it_runs if each.stat().st_mode & 0o077] == []
        assert running.end(signal.SIGTERM).status == 0
    made = [each for each in tmp_path.rglob("*") if each not in {sent, got, secret}]
    assert {"broker.key", "device.key", "known_brokers", "x", "copy.db"} <= {each.name for each in made}
    assert [f"{each} {each.stat().st_mode:o}" for each in made if each.stat().st_mode & 0o077] == []


def test_keys_that_others_may_read_are_refused_with_what_mends_it(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("open1")
        device = home_at(tmp_path / "home").profile("open1").folder / "device.key"
        for mode in (0o640, 0o604, 0o602):
            device.chmod(mode)
            done = cli("--profile", "open1", "whoami")
            assert (done.status, f"chmod 600 {device}" in done.err) == (9, True), done.err
        device.chmod(0o600)
        cli.ok("--profile", "open1", "whoami")
        broker.stop()
    key = tmp_path / "data" / "broker.key"
    for command in ("start", "key"):
        key.chmod(0o644)
        refused = _run(command, "--data", str(tmp_path / "data"), "--port", str(free_port()))
        assert (refused.returncode, f"chmod 600 {key}" in refused.stderr) == (1, True)
        assert len(refused.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a stopped broker, of which a copy takes a while."""
    folder = tmp_path_factory.mktemp("large")
    SqliteStore(folder / "cnmessage.db", os.urandom).close()
    with closing(apsw.Connection(str(folder / "cnmessage.db"))) as connection:
        connection.execute("CREATE TABLE ballast (x)")
        for _ in range(48):
            connection.execute("INSERT INTO ballast VALUES (randomblob(?))", (1 << 20,))
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_backup_that_is_broken_off_leaves_nothing_under_its_name(
    large: Path, tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "copy.db"
    result = Result(0, "", "")
    while result.status == 0:  # on a busy machine one may be done before the signal comes
        target.unlink(missing_ok=True)
        with Running([_PROGRAM, "backup", str(target), "--data", str(large)], _environment()) as running:
            eventually(lambda: any(tmp_path.iterdir()))
            result = running.end(number)
    assert not target.exists()
    if number is not signal.SIGKILL:
        assert (result.status, "broken off" in result.err) == (128 + number, True)
        assert list(tmp_path.iterdir()) == []
    assert _run("backup", str(target), "--data", str(large)).returncode == 0
    assert list(tmp_path.iterdir()) == [target]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("kibibytes", [4, 100, 20_000])
def test_a_backup_to_a_full_disk_says_so_and_leaves_nothing(
    large: Path, tmp_path: Path, kibibytes: int
) -> None:
    backup = f'{_PROGRAM} backup "{tmp_path}/copy.db" --data "{large}"; echo $?; ls -A "{tmp_path}"'
    done = _ended(*small_disk(tmp_path, kibibytes), "sh", "-c", backup)
    assert done.stdout.splitlines() == ["1"]
    assert "its disk is full" in done.stderr
    assert len(done.stderr.splitlines()) == 1


WRITER = """
import os, sys
from itertools import count
from pathlib import Path
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.contract.conftest import Desk

desk = Desk(SqliteStore(Path(sys.argv[1]), os.urandom))
alice, bob = desk.accounts("alice", "bob")
for number in count(1):
    desk.send(alice, bob, body=str(number))
    print(number, flush=True)
"""


def test_a_backup_ends_and_is_of_one_moment_while_messages_flow(large: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(large, data)
    target = tmp_path / "copy.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(data / "cnmessage.db")], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"1\n"
        done = _run("backup", str(target), "--data", str(data))
    finally:
        writer.kill()
        after = int(writer.communicate()[0].split()[-1])
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, [])
    assert check(target) == []
    with closing(apsw.Connection(str(target))) as copy:
        bodies = [int(body) for (body,) in copy.execute("SELECT body FROM message ORDER BY id")]
    assert bodies == list(range(1, len(bodies) + 1))
    assert 1 <= len(bodies) < after  # the writer went on


def test_a_backup_that_may_not_grow_so_large_says_so_and_leaves_nothing(large: Path, tmp_path: Path) -> None:
    backup = f'ulimit -f 100; {_PROGRAM} backup "{tmp_path}/copy.db" --data "{large}"'
    done = _ended("sh", "-c", backup)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "files may not grow so large" in done.stderr
    assert "not an error" not in done.stderr


# -- the command line ------------------------------------------------------------------------------


def test_the_key_is_shown_with_the_address_that_the_running_broker_has(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    with BrokerProcess(tmp_path / "data") as broker:
        eventually((tmp_path / "data" / "health.json").exists)
        assert _run("key", *data).stdout.strip() == broker.address
        assert ":20000#" in _run("key", "--port", "20000", *data).stdout
        hint = _run("key", "--host", "0.0.0.0", *data)  # noqa: S104 - shown, not bound
        assert "in place of 127.0.0.1" in hint.stderr
    assert ":12416#" in _run("key", *data).stdout


@pytest.mark.parametrize(("module", "program"), [("client", "cnmessage"), ("broker", "cnmessage-broker")])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["frobnicate"], ["key", "--data", "none"]])
def test_a_module_runs_as_its_script_does(
    tmp_path: Path, module: str, program: str, arguments: list[str]
) -> None:
    own = _environment(CNMESSAGE_HOME=str(tmp_path))
    done = [
        subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=own, timeout=PATIENCE, check=False
        )
        for command in ([sys.executable, "-m", f"cnmessage_{module}"], [str(BIN / program)])
    ]
    assert (done[0].returncode, done[0].stdout, done[0].stderr) == (
        done[1].returncode,
        done[1].stdout,
        done[1].stderr,
    )
    assert done[0].stdout or done[0].stderr
