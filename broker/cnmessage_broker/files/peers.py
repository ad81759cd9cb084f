"""Who is at the other end of a transfer on the file channel. Must not know accounts: the store has them."""

from typing import NamedTuple

from cnmessage_broker.net.link import Link


class Peer(NamedTuple):
    """A transfer on a connection, which is one device key's: nobody else speaks for it or is answered."""

    link: Link
    transfer: bytes


class AuthenticatedDevice(NamedTuple):
    """The key that ZAP vouched for, and the address it connected from."""

    key: str
    address: str


def short(peer: Peer) -> str:
    """What tells a transfer in the log of transitions: the last digits of its name."""
    return peer.transfer[-4:].hex()
