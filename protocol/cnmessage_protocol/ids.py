"""Identifiers and the rules for names.

Time and randomness are handed in, so the same input gives the same id in a test.
"""

import re
from typing import NewType
from unicodedata import normalize
from uuid import UUID

UserName = NewType("UserName", str)
"""A lower-cased user name that passed `user_name`."""

ClientId = NewType("ClientId", bytes)
"""16 bytes, UUIDv7, chosen by the sender: the same id means the same message."""

MessageId = NewType("MessageId", bytes)
"""16 bytes, UUIDv7, chosen by the broker."""

FileId = NewType("FileId", bytes)
"""16 random bytes, chosen by the broker."""

Topic = NewType("Topic", bytes)
"""16 random bytes, fresh for each listener; also the listener's name in requests."""

ID_SIZE = 16
NAME_PATTERN = re.compile(r"^[a-z0-9][a-z0-9._-]{0,31}\Z")
RESERVED_NAMES = frozenset(
    {
        "admin",
        "all",
        "ask",
        "blacklist",
        "block",
        "break",
        "broadcast",
        "broker",
        "chat",
        "completion",
        "devices",
        "everyone",
        "exit",
        "files",
        "getfile",
        "help",
        "history",
        "list_users",
        "login",
        "logout",
        "me",
        "passwd",
        "profile",
        "quit",
        "room",
        "room-add",
        "rooms",
        "root",
        "run",
        "send",
        "sendfile",
        "sessions",
        "signup",
        "system",
        "to",
        "users",
        "watch",
        "whoami",
        "you",
    },
)
"""Names of our own commands and words that would read as something other than a person."""

_TIME = (1 << 48) - 1
_VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62
_CHANCE = ((1 << 80) - 1) & ~(0xF << 76 | 0x3 << 62)


def normal(text: str) -> str:
    """A secret, or a file's name, as it is compared: NFC. Systems type é as one character, or as two."""
    return text if text.isascii() else normalize("NFC", text)


def user_name(text: str) -> UserName:
    """Lower-case and check a user name; ValueError says what a name may look like. It is normal as it is."""
    name = text.lower()
    if not text.isascii() or not NAME_PATTERN.match(name):
        raise ValueError(
            "a user name has 1 to 32 characters: letters a-z, digits, '.', '_' or '-', "
            "and starts with a letter or a digit",
        )
    return UserName(name)


def may_be_user(word: str) -> bool:
    """Whether a user could have this name."""
    try:
        user_name(word)
    except ValueError:
        return False
    return True


def new_user_name(text: str) -> UserName:
    """The rule for a name about to be taken: well-formed and not reserved."""
    name = user_name(text)
    if name in RESERVED_NAMES:
        raise ValueError(f"the name '{name}' is reserved; choose another")
    return name


def uuid7(milliseconds: int, randomness: bytes) -> bytes:
    """A UUIDv7 (RFC 9562, 5.7) from Unix time in milliseconds and at least 10 random bytes."""
    chance = int.from_bytes(randomness[:10], "big") & _CHANCE
    return ((milliseconds & _TIME) << 80 | _VERSION_AND_VARIANT | chance).to_bytes(ID_SIZE, "big")


def id_text(raw: bytes) -> str:
    """The usual text of a 16-byte id, as JSON output shows it."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_id(text: str) -> bytes:
    """The 16 bytes behind `id_text`; ValueError when it is not such a text."""
    try:
        return UUID(text).bytes
    except ValueError as error:
        raise ValueError(
            f"'{text[:64]}' is no id; one looks like 0190f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6",
        ) from error


def fingerprint(public_key: bytes) -> str:
    """SHA-256 fingerprint of a raw 32-byte CURVE key, written as OpenSSH writes them."""
    from base64 import b64encode  # noqa: PLC0415 - most commands show none
    from hashlib import sha256  # noqa: PLC0415 - and this takes 3 ms to load

    return "SHA256:" + b64encode(sha256(public_key).digest()).decode().rstrip("=")
