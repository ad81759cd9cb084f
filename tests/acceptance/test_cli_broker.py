"""The `cnmessage-broker` command line: it starts, refuses clearly, stops cleanly, looks after its data."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli, Result, Running
from tests.support.harness import BIN, BrokerProcess, free_port, home_at
from tests.support.patience import PATIENCE

_PROGRAM = str(BIN / "cnmessage-broker")


def _environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": os.environ.get("LANG", "C.UTF-8"), **more}


def _broker(*arguments: str, **environment: str) -> Result:
    """Run a command that ends by itself."""
    with Running([_PROGRAM, *arguments], _environment(**environment)) as running:
        return running.finish()


def _refused(*arguments: str, **environment: str) -> Result:
    """Run `start`, which must fail with one clear line."""
    port = () if {"--port", "--config"} & set(arguments) else ("--port", str(free_port()))
    result = _broker("start", *port, *arguments, **environment)
    assert result.status not in {0, -signal.SIGTERM}
    assert result.out == ""
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("cnmessage-broker: ")
    return result


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[Running, Path, int]]:
    """A broker started by hand, its data and its port."""
    port, data = free_port(), tmp_path / "data"
    command = [_PROGRAM, "start", "--port", str(port), "--data", str(data), "--log-format", "json"]
    with Running(command, _environment()) as running:
        running.wait_for("signup NAME", "stdout")
        yield running, data, port


def test_the_banner_is_a_line_to_paste_and_the_log_is_json(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    command = [_PROGRAM, "start", "--port", str(port), "--data", str(data), "--log-format", "json"]
    with Running(command, _environment()) as running:
        assert running.line() == f"cnmessage broker on 127.0.0.1:{port}"
        assert running.line().startswith("key SHA256:")
        line = running.wait_for("signup NAME", "stdout")
        address = line.split("'")[1]
        assert address.startswith(f"cnm://127.0.0.1:{port}#")
        cli = Cli(home_at(tmp_path / "home"), "")
        # Exactly what a newcomer does: paste, with a name for NAME.
        done = subprocess.run(
            ["bash", "-c", f"{line.replace('NAME', 'alice')} --password-stdin"],
            input=b"a long secret\n",
            capture_output=True,
            env={**cli.environment(), "PATH": f"{BIN}:{os.environ['PATH']}"},
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result = running.end(signal.SIGTERM)
    assert result.status == 0
    events = [json.loads(each) for each in result.err.splitlines()]
    assert {"event", "level", "timestamp"} <= set(events[0])
    assert [each["event"] for each in events][:: len(events) - 1] == ["broker is ready", "broker has stopped"]
    assert "a long secret" not in result.err
    assert (data / "broker.key").stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(started: tuple[Running, Path, int], number: signal.Signals) -> None:
    running, data, _ = started
    result = running.end(number)
    assert result.status == 0
    assert "Traceback" not in result.err
    assert _broker("check", "--data", str(data)).status == 0


def test_one_that_is_killed_leaves_nothing_but_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    port = free_port()
    command = [_PROGRAM, "start", "--port", str(port), "--data", str(tmp_path / "data")]
    for environment in (_environment(TMPDIR=str(there)), _environment()):
        with Running(command, environment) as running:
            running.wait_for("signup NAME", "stdout")
            running.end(signal.SIGKILL)
        assert [*here.iterdir(), *there.iterdir()] == []


def test_a_second_broker_a_taken_port_and_a_running_check_are_refused(
    started: tuple[Running, Path, int], tmp_path: Path
) -> None:
    _, data, port = started
    same_data = _refused("--port", str(free_port()), "--data", str(data))
    assert "another broker is running" in same_data.err
    same_port = _refused("--port", str(port), "--data", str(tmp_path / "other"))
    assert str(port) in same_port.err
    assert _broker("check", "--data", str(data)).status != 0


def test_any_of_the_four_ports_may_be_the_taken_one(tmp_path: Path) -> None:
    port = free_port()
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", port + 3))
        other.listen()
        assert str(port + 3) in _refused("--port", str(port), "--data", str(tmp_path / "data")).err


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    # Below a regular file nobody can make a directory, not even root.
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "data"
    assert str(below) in _refused("--data", str(below)).err
    assert str(tmp_path / "file") in _refused("--data", str(tmp_path / "file")).err


def test_a_foreign_a_newer_and_a_damaged_database_are_refused_and_left_alone(tmp_path: Path) -> None:
    for name, script, said in (
        ("foreign", "CREATE TABLE theirs (x)", "another program"),
        ("newer", f"CREATE TABLE t (x); PRAGMA application_id={0x636E6D31}; PRAGMA user_version=999", "999"),
        ("damaged", None, "not an SQLite database"),
    ):
        data = tmp_path / name
        data.mkdir()
        file = data / "cnmessage.db"
        if script is None:
            file.write_bytes(b"this is no database at all " * 100)
        else:
            with closing(sqlite3.connect(file)) as connection:
                connection.executescript(script)
        assert said in _refused("--port", str(free_port()), "--data", str(data)).err
        if script is not None:
            with closing(sqlite3.connect(file)) as connection:
                assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)


def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "broker.key").write_text("nonsense")
    assert "broker.key" in _refused("--port", str(free_port()), "--data", str(data)).err
    assert (data / "broker.key").read_text() == "nonsense"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = ", "cannot read"),
        ("prot = 12416", "unknown setting 'prot'"),
        ('port = "many"', "port must be a whole number"),
        ("port = 70000", "port must be from 1"),
        ("port = 12416.5", "port must be a whole number"),
        ("login_burst = true", "login_burst"),
        ("login_rate = -1", "login_rate must"),
        ("send_rate = nan", "send_rate must"),
        ('log_format = "xml"', "log_format must be"),
        ("[port]\nx = 1", "port must be a whole number"),
        ("data = 7", "data"),
        ("host = 7", "host must be"),
    ],
)
def test_a_bad_configuration_is_one_line_that_names_the_setting(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(text)
    own: tuple[str, ...] = () if text.startswith("data") else ("--data", str(tmp_path / "data"))
    if "port" not in text:
        own += ("--port", str(free_port()))
    assert said in _refused("--config", str(file), *own).err


def test_a_settings_file_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(f'data = "{tmp_path / "data"}"\nhost = "192.0.2.7"\n', encoding="utf-8-sig")
    with BrokerProcess(tmp_path / "data"):
        pass  # makes the key
    assert "192.0.2.7" in _broker("key", "--config", str(file)).out


def test_a_missing_file_a_bad_variable_and_a_bad_host_are_named(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    assert "none.toml" in _refused("--config", str(tmp_path / "none.toml"), *data).err
    assert "login_rate" in _refused(*data, CNMESSAGE_BROKER_LOGIN_RATE="often").err
    assert "999.1.1.1" in _refused("--host", "999.1.1.1", "--port", str(free_port()), *data).err


def test_a_flag_wins_over_the_variable_and_the_variable_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(f'port = 20000\ndata = "{tmp_path / "data"}"\n')
    with BrokerProcess(tmp_path / "data"):
        pass  # makes the key, so that `key` has an address to show
    command = ("key", "--config", str(file))
    assert ":20000#" in _broker(*command).out
    assert ":20010#" in _broker(*command, CNMESSAGE_BROKER_PORT="20010").out
    assert ":20020#" in _broker(*command, "--port", "20020", CNMESSAGE_BROKER_PORT="20010").out


def test_key_check_and_backup_look_after_a_broker(tmp_path: Path) -> None:
    data, copy = tmp_path / "broker", tmp_path / "copy"
    own = ("--data", str(data))
    missing = _broker("key", *own)
    assert (missing.status, missing.out) == (1, "")
    assert _broker("check", *own).status != 0
    assert _broker("backup", str(tmp_path / "none.db"), *own).status != 0
    assert not data.exists() or not (data / "cnmessage.db").exists()
    with BrokerProcess(data) as broker:
        shown = _broker("key", *own, "--port", str(broker.port))
        assert (shown.out, shown.err.startswith("SHA256:")) == (broker.address + "\n", True)
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("keep1")
        cli.ok("--profile", "keep1", "send", "keep1", "hi")
        copy.mkdir()
        saved = _broker("backup", str(copy / "cnmessage.db"), *own)
        assert (saved.status, saved.out) == (0, "")
        twice = _broker("backup", str(copy / "cnmessage.db"), *own)
        assert (twice.status, "exists" in twice.err) == (1, True)
        assert broker.stop() == 0
    assert _broker("check", *own).status == 0
    assert _broker("check", "--data", str(copy)).status == 0
    with closing(sqlite3.connect(copy / "cnmessage.db")) as connection:
        connection.execute("UPDATE account SET head = head + 1")
        connection.commit()
    broken = _broker("check", "--data", str(copy))
    assert broken.status == 9
    assert "keep1" in broken.out


def test_a_backup_into_a_directory_that_is_not_there_is_one_clear_line(
    started: tuple[Running, Path, int], tmp_path: Path
) -> None:
    _, data, _ = started
    result = _broker("backup", str(tmp_path / "no" / "copy.db"), "--data", str(data))
    assert result.status != 0
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words", ["nothing", "start --port x", "start --nothing", "backup", "health 5", "files nothing", "key 5"]
)
def test_words_that_are_not_understood_are_answered_in_one_line(words: str) -> None:
    result = _broker(*words.split())
    assert (result.status, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("cnmessage-broker: ")
    assert " --help)" in line


def test_files_alone_lists_them(started: tuple[Running, Path, int], tmp_path: Path) -> None:
    running, data, port = started
    cli = Cli(home_at(tmp_path / "home"), f"127.0.0.1:{port}")
    cli.accounts("lists1")
    cli.ok("--profile", "lists1", "files", "send", "lists1", "/etc/hostname")
    alone = _broker("files", "--data", str(data))
    assert alone.out == _broker("files", "list", "--data", str(data)).out != ""
    assert alone.out == _broker("files", "--data", str(data), "list").out
    assert _broker("files", CNMESSAGE_BROKER_DATA=str(data)).out == alone.out
    assert running.process.poll() is None
