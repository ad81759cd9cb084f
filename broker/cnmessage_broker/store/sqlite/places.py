"""Where a message went, as it stands in its row: pairs of little-endian int64, recipient and inbox number."""

import struct
from collections.abc import Sequence

_PLACE = struct.Struct("<qq")
PLACE_SIZE = _PLACE.size


def pack_places(places: Sequence[tuple[int, int]]) -> bytes:
    """Pairs of recipient and number as bytes. A number of 0: it was withheld from this one."""
    return b"".join([_PLACE.pack(owner, seq) for owner, seq in places])


def unpack_places(packed: bytes) -> list[tuple[int, int]]:
    """The pairs; struct.error when these are no whole ones."""
    return [(owner, seq) for owner, seq in _PLACE.iter_unpack(packed)]
