"""Who is at the other end of a transfer on the file channel. Known to the file thread's rooms alone."""

from typing import NamedTuple


class Peer(NamedTuple):
    """A transfer on a link. The routing id never leaves the file thread."""

    routing_id: bytes
    transfer: bytes


class Device(NamedTuple):
    """The key that ZAP vouched for, and the address it connected from."""

    key: str
    address: str
