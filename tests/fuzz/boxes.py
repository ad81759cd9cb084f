"""crypto_box for many handshakes a second: libsodium as pyzmq's wheel carries it, or else by hand.

tests/support/raw.py's handwritten box takes some milliseconds; a fuzz run seals thousands.
"""

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import zmq

from tests.support import raw

_MAC = 16


class Sealing(Protocol):
    """What boxes of either kind do."""

    def seal(self, nonce: bytes, plain: bytes) -> bytes:
        """Tag and ciphertext."""

    def open(self, nonce: bytes, sealed: bytes) -> bytes:
        """The plain text, or an exception."""


def box(secret: bytes, public: bytes) -> Sealing:
    """crypto_box between our secret and their public key, raw 32 bytes each."""
    library = _library()
    return raw.Box(secret, public) if library is None else _SodiumBox(library, secret, public)


@cache
def _library() -> Any:
    root = Path(zmq.__file__).parent
    places = [*root.parent.glob("pyzmq.libs/libsodium*"), *root.glob(".dylibs/libsodium*")]
    for place in [*map(str, places), ctypes.util.find_library("sodium")]:
        if place is not None:
            library = ctypes.CDLL(place)
            if library.sodium_init() >= 0:
                return library
    return None


class _SodiumBox:
    def __init__(self, library: Any, secret: bytes, public: bytes) -> None:
        self._library = library
        shared = ctypes.create_string_buffer(32)
        if library.crypto_box_beforenm(shared, public, secret):
            raise ValueError("libsodium takes no such key")
        self._key = shared.raw

    def seal(self, nonce: bytes, plain: bytes) -> bytes:
        sealed = ctypes.create_string_buffer(len(plain) + _MAC)
        self._library.crypto_box_easy_afternm(sealed, plain, ctypes.c_ulonglong(len(plain)), nonce, self._key)
        return sealed.raw

    def open(self, nonce: bytes, sealed: bytes) -> bytes:
        if len(sealed) < _MAC:
            raise ValueError("too short for a box")
        plain = ctypes.create_string_buffer(len(sealed) - _MAC)
        size = ctypes.c_ulonglong(len(sealed))
        if self._library.crypto_box_open_easy_afternm(plain, sealed, size, nonce, self._key):
            raise ValueError("the box was altered")
        return plain.raw
