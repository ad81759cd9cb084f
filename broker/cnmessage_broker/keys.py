"""The broker's CURVE key: made once, kept beside the database with mode 0600, shown as a line to paste."""

import shlex
from base64 import urlsafe_b64encode
from pathlib import Path
from types import MappingProxyType

import zmq
from zmq.utils import z85

from cnmessage_broker import durable
from cnmessage_broker.given import read_whole

EVERYWHERE = MappingProxyType({"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"})  # noqa: S104 - read, not bound
"""Hosts to listen on that nobody can connect to, and how they are reached on this machine."""


class KeyFileError(Exception):
    """The key file cannot be used; the text says what to do."""


def load_or_create(path: Path) -> tuple[bytes, bytes]:
    """Raw 32-byte (public, secret); makes the file when there is none."""
    if not path.exists():
        _public, secret = zmq.curve_keypair()
        try:
            durable.write(path, secret + b"\n")
        except OSError as error:
            raise KeyFileError(f"cannot write the key {path}: {error.strerror}") from error
    return load(path)


def load(path: Path) -> tuple[bytes, bytes]:
    """Raw 32-byte (public, secret). KeyFileError for a file that is damaged, or that others may read."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(
                f"other users of this machine can read or change {path}, the broker's secret key; "
                f"mend it with: chmod 600 {shlex.quote(str(path))}"
            )
        secret = read_whole(path).strip()
        return z85.decode(zmq.curve_public(secret)), z85.decode(secret)
    except OSError as error:
        raise KeyFileError(f"cannot read the key {path}: {error.strerror}") from error
    except (ValueError, zmq.ZMQError) as error:
        raise KeyFileError(
            f"{path} is damaged; restore it from a backup, or remove it to get a new key "
            "(every client will then have to accept it)",
        ) from error


def address_line(host: str, port: int, public: bytes) -> str:
    """The address with the key in it, as clients take it: cnm://HOST:PORT#KEY.

    In place of a host that means all of this machine's addresses it names the one that clients here can use.
    """
    host = EVERYWHERE.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"cnm://{shown}:{port}#{urlsafe_b64encode(public).decode().rstrip('=')}"
