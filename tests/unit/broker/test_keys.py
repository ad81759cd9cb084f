"""The broker's key: made once, readable by its owner only, refused when damaged."""

import os
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from cnmessage_broker.keys import KeyFileError, address_line, load_or_create


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "broker.key"


def test_a_key_is_made_once_and_loaded_ever_after(path: Path) -> None:
    first = load_or_create(path)
    assert load_or_create(path) == first
    public, secret = first
    assert (len(public), len(secret)) == (32, 32)
    assert zmq.curve_public(z85.encode(secret)) == z85.encode(public)
    assert list(path.parent.iterdir()) == [path]


def test_two_brokers_have_different_keys(path: Path) -> None:
    assert load_or_create(path) != load_or_create(path.with_name("other.key"))


def test_only_its_owner_may_read_the_key_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"short", b"x" * 39, b"x" * 41, b"\xff" * 40, b" ~" * 20, b"x" * 5000, bytes(40)],
    ids=["empty", "blank", "short", "39", "41", "binary", "no z85", "long", "zeros"],
)
def test_a_damaged_key_file_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"broker\.key is damaged; restore it from a backup"):
        load_or_create(path)
    assert path.read_bytes() == content


def test_the_address_holds_host_port_and_key() -> None:
    public = os.urandom(32)
    line = address_line("127.0.0.1", 12416, public)
    place, _, key = line.partition("#")
    assert place == "cnm://127.0.0.1:12416"
    assert "=" not in key
    assert urlsafe_b64decode(key + "=") == public
    assert address_line("::1", 5, public).startswith("cnm://[::1]:5#")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - shown, not bound
        ("*", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("192.0.2.10", "192.0.2.10"),
    ],
)
def test_the_address_names_a_host_that_clients_can_connect_to(host: str, shown: str) -> None:
    assert address_line(host, 9, bytes(32)).startswith(f"cnm://{shown}:9#")
