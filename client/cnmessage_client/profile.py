"""Profiles, device keys, known brokers and where all that lies on disk.

A profile is one device of one user: a CURVE key pair that the broker knows it by, the broker's address and
the user's name. `CNMESSAGE_HOME` overrides the platform's directories. Knows no socket.
"""

import fcntl
import json
import os
import re
import socket
import tomllib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from codecs import BOM_UTF8
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError

DEFAULT_PORT = 12416
DEFAULT_BROKER = f"127.0.0.1:{DEFAULT_PORT}"
DEFAULT_PROFILE = "default"
_PROFILE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HIGHEST_PORT = 65532
_MOST = 1 << 20
"""Bytes of a file of settings or keys; more than anybody has brokers."""

_KEY_SIZE = 32
_Z85_KEY_SIZE = 40


class Address(NamedTuple):
    """Where a broker is, and its raw public key if the address told it."""

    host: str
    port: int
    key: bytes | None

    @property
    def place(self) -> str:
        """HOST:PORT, as known_brokers lists it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class KeyPair(NamedTuple):
    """A device's CURVE keys as z85 text."""

    public: bytes
    secret: bytes


def parse_address(text: str) -> Address:
    """`HOST[:PORT]` or `cnm://HOST:PORT#KEY`; a usage error says what is wrong with it."""
    rest, _, key_text = text.removeprefix("cnm://").partition("#")
    match = re.fullmatch(r"(\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\s:/\[\]]+))(:(?P<port>\d{1,5}))?/?", rest)
    port = DEFAULT_PORT if match is None or match["port"] is None else int(match["port"])
    if match is None or not 1 <= port <= _HIGHEST_PORT:
        raise _usage(f"'{text}' is not a broker's address; write HOST, HOST:PORT or cnm://HOST:PORT#KEY")
    key = None
    if key_text:
        try:
            key = urlsafe_b64decode(key_text + "=" * (-len(key_text) % 4))
        except ValueError:
            key = b""
        if len(key) != _KEY_SIZE:
            raise _usage(f"the key after # in '{text}' is damaged; copy the whole line again")
    return Address(match["six"] or match["host"], port, key)


@dataclass(frozen=True, slots=True)
class Home:
    """The directories: `config` for what people edit and keys, `state` for what comes and goes."""

    config: Path
    state: Path

    @classmethod
    def find(cls) -> "Home":
        """From CNMESSAGE_HOME, else where this platform keeps such things."""
        own = os.environ.get("CNMESSAGE_HOME")
        if own:
            return cls(Path(own), Path(own) / "state")
        import platformdirs  # noqa: PLC0415 - 20 ms that CNMESSAGE_HOME spares

        dirs = platformdirs.PlatformDirs("cnmessage", appauthor=False)
        return cls(Path(dirs.user_config_dir), Path(dirs.user_state_dir))

    def profile(self, name: str) -> "Profile":
        """The profile of that name, whether or not it exists yet."""
        if not _PROFILE_NAME.match(name):
            raise _usage(f"'{name}' cannot be a profile; use letters, digits, '.', '_' and '-'")
        return Profile(self, name)

    def profiles(self) -> list[str]:
        """Names of the profiles that exist."""
        folder = self.config / "profiles"
        return sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []

    @property
    def current_profile(self) -> str:
        """The profile that is used when none is named."""
        name = _read_toml(self.config / "config.toml").get("profile", DEFAULT_PROFILE)
        return str(name)

    def use_profile(self, name: str) -> None:
        """Make a profile the one that is used when none is named."""
        _write_toml(self.config / "config.toml", {"profile": name})


@dataclass(frozen=True, slots=True)
class Profile:
    """One device of one user on disk."""

    home: Home
    name: str

    @property
    def folder(self) -> Path:
        """Where the profile's key and settings are."""
        return self.home.config / "profiles" / self.name

    @property
    def outbox(self) -> Path:
        """Where messages wait for their acknowledgement."""
        return self.home.state / "profiles" / self.name / "outbox"

    @property
    def uploads(self) -> Path:
        """Where unfinished uploads are written down."""
        return self.home.state / "profiles" / self.name / "uploads"

    @property
    def label(self) -> str:
        """What the list of devices shows for this device."""
        return f"{self.name}@{socket.gethostname()}"[:64]

    @property
    def user(self) -> str | None:
        """Who is logged in here, as far as this side knows."""
        user = _read_toml(self.folder / "profile.toml").get("user")
        return None if user is None else str(user)

    @property
    def broker(self) -> str | None:
        """The broker's address that was used to log in."""
        broker = _read_toml(self.folder / "profile.toml").get("broker")
        return None if broker is None else str(broker)

    def remember(self, *, broker: str | None, user: str | None) -> None:
        """Keep who logged in where; None forgets."""
        values = {"broker": broker, "user": user}
        _write_toml(
            self.folder / "profile.toml", {key: text for key, text in values.items() if text is not None}
        )

    def explained(self, error: CnMessageError, address: Address) -> CnMessageError:
        """What the broker cannot know, added: what to type, and which profile it is that is not logged in."""
        if (advice := _ADVICE.get(error.code)) is not None:
            return RequestError(error.code, f"{error.message}; {advice}")
        if error.code is not ErrorCode.UNAUTHENTICATED:
            return error
        text = f"profile '{self.name}' is not logged in at {address.place}"
        return RequestError(
            error.code, f"{text}; use: cnmessage --profile {self.name} login NAME (or signup)"
        )

    def keys(self, generate: Callable[[], tuple[bytes, bytes]]) -> KeyPair:
        """The device's keys, made by `generate` when there are none yet; an integrity error if damaged."""
        path = self.folder / "device.key"
        if not path.exists():
            public, secret = generate()
            _write(path, public + b"\n" + secret + b"\n", mode=0o600, replace=False)
        lines = _content(path).removeprefix(BOM_UTF8).split()
        if len(lines) != 2 or any(len(line) != _Z85_KEY_SIZE for line in lines):
            raise damaged_key(path)
        return KeyPair(lines[0], lines[1])


_ADVICE = MappingProxyType(
    {
        ErrorCode.NO_SUCH_USER: "'cnmessage users' lists those there are",
        ErrorCode.NO_SUCH_DEVICE: "'cnmessage devices' lists yours",
        ErrorCode.NO_SUCH_FILE: "'cnmessage files list' lists yours",
        ErrorCode.QUOTA: "withdraw older files with 'cnmessage files rm ID'",
    }
)
"""What a person may do next about a refusal; the broker knows nothing of this command line."""


def damaged_key(path: Path) -> CnMessageError:
    """The error for a key file that cannot be used."""
    return CnMessageError(
        ErrorCode.INTEGRITY,
        f"the device key {path} is damaged; restore it, or remove it and log in again",
    )


class KnownBrokers:
    """The file of pinned broker keys: a line `HOST:PORT KEY` for each."""

    def __init__(self, home: Home) -> None:
        self._path = home.config / "known_brokers"

    def key_of(self, address: Address) -> bytes | None:
        """The pinned raw key, or None when this broker was never met."""
        return self._load().get(address.place)

    def pin(self, address: Address, key: bytes) -> None:
        """Remember a broker's key."""
        if self.key_of(address) == key:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another program may be pinning another broker
            known = self._load() | {address.place: key}
            lines = [f"{place} {_key_text(each)}\n" for place, each in sorted(known.items())]
            _write(self._path, "".join(lines).encode(), mode=0o600)

    def changed(self, address: Address) -> CnMessageError:
        """The error for a broker whose key is not the pinned one."""
        return CnMessageError(
            ErrorCode.BROKER_KEY_CHANGED,
            f"the key of the broker {address.place} is not the expected one: it was installed anew, or "
            "someone is in between. Nothing was sent. Ask whoever runs it; if the new key is right, remove "
            f"the line '{address.place}' from {self._path}",
        )

    def _load(self) -> dict[str, bytes]:
        if not self._path.exists():
            return {}
        known = {}
        try:
            for line in _content(self._path).decode("utf-8-sig").splitlines():
                place, _, text = line.strip().partition(" ")
                if place and not place.startswith("#"):
                    known[place] = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            known[""] = b""
        if any(len(key) != _KEY_SIZE for key in known.values()):
            raise CnMessageError(
                ErrorCode.INTEGRITY,
                f"{self._path} is damaged; correct it, or remove it and compare the keys anew",
            )
        return known


def _key_text(key: bytes) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")


def _usage(text: str) -> CnMessageError:
    return CnMessageError(ErrorCode.USAGE, text)


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_content(path).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CnMessageError(
            ErrorCode.INTEGRITY, f"{path} is damaged: {error}; correct or remove it"
        ) from error


def _content(path: Path) -> bytes:
    """All of a small file; an INTEGRITY error for one that cannot be ours, and may have no end."""
    with path.open("rb") as file:
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise CnMessageError(
            ErrorCode.INTEGRITY, f"{path} holds more than {_MOST} bytes; correct or remove it"
        )
    return content


def _write_toml(path: Path, values: dict[str, str]) -> None:
    # A JSON string is a TOML basic string too, so the standard library can write these few lines.
    _write(path, "".join(f"{key} = {json.dumps(text)}\n" for key, text in values.items()).encode())


def _write(path: Path, content: bytes, mode: int = 0o644, *, replace: bool = True) -> None:
    """Write a file all or nothing; without `replace`, one that came into being meanwhile stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        new.replace(path)
        return
    with suppress(FileExistsError):
        os.link(new, path)
    new.unlink()
