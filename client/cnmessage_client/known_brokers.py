"""The keys of the brokers that were met, pinned in a file of this user. Knows no socket."""

import fcntl
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

from cnmessage_client.address import Address
from cnmessage_client.home_files import read_text, usable, write
from cnmessage_client.private import private_folder
from cnmessage_client.profile import Home
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_KEY_SIZE = 32
_MOST_NAMED = 3


class KnownBrokers:
    """The file of pinned broker keys: a line `HOST:PORT KEY` for each."""

    def __init__(self, home: Home) -> None:
        self._path = home.config / "known_brokers"

    def key_of(self, address: Address) -> bytes | None:
        """The pinned raw key, or None when this broker was never met."""
        return self.all().get(address.place)

    def pin(self, address: Address, key: bytes) -> None:
        """Remember a broker's key."""
        if self.key_of(address) != key:
            self._change(lambda known: known | {address.place: key})

    def forget(self, place: str) -> None:
        """Know HOST:PORT no more."""
        self._change(lambda known: {each: key for each, key in known.items() if each != place})

    def changed(self, address: Address) -> CnMessageError:
        """The error for a broker whose key is not the pinned one."""
        return CnMessageError(
            ErrorCode.BROKER_KEY_CHANGED,
            f"the key of the broker {address.place} is not the expected one: it was installed anew, or "
            "someone is in between. Nothing was sent to it. Ask whoever runs it; if the new key is right, "
            f"'cnmessage broker forget {address.place}' forgets the old one",
        )

    def or_others(self, error: CnMessageError, address: Address) -> CnMessageError:
        """The error about a broker that nobody named; where it is not there, with those that were met."""
        if error.code is not ErrorCode.UNREACHABLE:
            return error
        others = sorted(self.all().keys() - {address.place})[:_MOST_NAMED]
        if not others:
            return error
        named = " or ".join(f"--broker {each}" for each in others)
        return CnMessageError(error.code, f"{error.message}. Another was met from here: {named}")

    def all(self) -> dict[str, bytes]:
        """The raw keys by HOST:PORT."""
        known = {}
        try:
            for line in (read_text(self._path) or "").splitlines():
                place, _, text = line.strip().partition(" ")
                if place and not place.startswith("#"):
                    known[place.lower()] = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            known[""] = b""
        if any(len(key) != _KEY_SIZE for key in known.values()):
            raise CnMessageError(
                ErrorCode.INTEGRITY,
                f"{self._path} is damaged; correct it, or remove it and compare the keys anew",
            )
        return known

    def _change(self, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
        with usable(self._path):
            private_folder(self._path.parent)
            lock_file = self._path.with_suffix(".lock")
            descriptor = os.open(lock_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # another program may be pinning another broker
                known = change(self.all())
                lines = [f"{place} {_key_text(each)}\n" for place, each in sorted(known.items())]
                write(self._path, "".join(lines).encode())


def _key_text(key: bytes) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")
