"""Servers of peers as private processes: they listen, or say why not, and nothing of them stays."""

import socket
import sys
from pathlib import Path

import pytest

from bench.peers.server import Command, found, running, version_of
from bench.processes import BenchError, free_port
from tests.support.harness import eventually


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_is_ended_with_its_children_and_what_must_follow_is_done(tmp_path: Path) -> None:
    port = free_port()
    serve = f"{sys.executable} -m http.server {port} --bind 127.0.0.1"
    # The shell is the one that was started; what listens is its child.
    command = Command(["sh", "-c", f"{serve} & wait"], {}, ["touch", str(tmp_path / "afterwards")])
    with running(command, tmp_path, port):
        assert listens(port)
        assert not (tmp_path / "afterwards").exists()
    eventually(lambda: not listens(port))  # it was killed; who adopts it buries it
    assert (tmp_path / "afterwards").exists()


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = Command(["sh", "-c", "echo the port is taken >&2; exit 1"])
    with (
        pytest.raises(BenchError, match=r"sh does not listen; its last words were: the port is taken$"),
        running(command, tmp_path, free_port()),
    ):
        pytest.fail("it never listened")


def test_a_program_that_is_not_installed_is_not_found() -> None:
    assert found("sh")
    assert found("no-such-message-broker") is None
    assert version_of("no-such-message-broker") == ""
