"""`cnmessage-broker` on a lost or damaged database: each command refuses in one line, nothing is touched."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli, Result, Running
from tests.support.harness import BIN, BrokerProcess, free_port, home_at

DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
}


def broker(data: Path, *arguments: str) -> Result:
    environment = {"PATH": os.environ["PATH"], "LANG": os.environ.get("LANG", "C.UTF-8")}
    with Running([str(BIN / "cnmessage-broker"), *arguments, "--data", str(data)], environment) as running:
        return running.finish()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a broker that was stopped: a message, a file, and a backup from before the message."""
    folder = tmp_path_factory.mktemp("stopped")
    data = folder / "data"
    with BrokerProcess(data) as running:
        cli = Cli(home_at(folder / "home"), running.address)
        cli.accounts("keep1")
        (folder / "plan.txt").write_text("the plan")
        cli.ok("--profile", "keep1", "sendfile", "keep1", str(folder / "plan.txt"))
        assert broker(data, "backup", str(data / "saved.db")).status == 0
        cli.ok("--profile", "keep1", "send", "keep1", "hi with a needle in it")
        assert running.stop() == 0
    return data


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it of one's own."""
    return Path(shutil.copytree(stopped, tmp_path / "data", copy_function=shutil.copy2))


def files(data: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(data)): each.read_bytes()
        for each in data.rglob("*")
        if each.is_file() and not each.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize("name", DAMAGE)
def test_each_command_refuses_in_one_line_and_touches_nothing(data: Path, name: str) -> None:
    DAMAGE[name](data / "cnmessage.db")
    before = files(data)
    for command in (
        ("start", "--port", str(free_port())),
        ("check",),
        ("check", "--deep"),
        ("backup", str(data / "copy.db")),
        ("files", "list"),
        ("files", "purge", "--older-than", "0"),
        ("start", "--port", str(free_port())),
    ):
        result = broker(data, *command)
        assert (result.status, result.out) == (1, "")
        assert len(result.err.splitlines()) == 1, result.err
        assert "sound" not in result.err
        if command[0] == "start":
            assert "put a backup back" in result.err
        assert files(data) == before


def test_a_backup_that_is_put_back_is_served_again(data: Path) -> None:
    (data / "cnmessage.db").write_bytes(b"")
    assert broker(data, "check").status == 1
    (data / "cnmessage.db").unlink()
    shutil.copy(data / "saved.db", data / "cnmessage.db")
    assert broker(data, "check", "--deep").status == 0
    with BrokerProcess(data) as running:
        assert running.stop() == 0
    assert "plan.txt" in broker(data, "files", "list").out
    assert broker(data, "check", "--deep").status == 0


def test_a_deep_check_names_what_a_check_cannot_see(data: Path) -> None:
    sound = broker(data, "check", "--deep")
    assert (sound.status, sound.out) == (0, "")
    assert "sound" in sound.err
    content = (data / "cnmessage.db").read_bytes()
    (data / "cnmessage.db").write_bytes(content.replace(b"needle", b"noodle"))
    for blob in (data / "files" / "blobs").glob("*/*"):
        blob.write_bytes(b"another plan")
    assert broker(data, "check").status == 0
    deep = broker(data, "check", "--deep")
    assert deep.status == 9
    message, file = deep.out.splitlines()
    assert message.startswith("message ")
    assert message.endswith(" is damaged (user keep1)")
    assert file.startswith("the content of file ")
    assert "is damaged" in file
    assert "sound" not in deep.err
