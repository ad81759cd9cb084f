"""Which key a broker must have: the pinned one, the one in its address, or the one the user accepts once."""

from collections.abc import Callable

from cnmessage_client.address import Address, parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.link.keyprobe import fetch_key_card
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import fingerprint

Trust = Callable[[str, str], bool]
"""Asked before a broker's key is accepted for the first time: (HOST:PORT, fingerprint) to yes or no."""


def trust_loopback(place: str, _fingerprint: str) -> bool:
    """Accept a broker on this machine, and no other."""
    return parse_address(place).on_this_machine


async def verified_key(
    known: KnownBrokers,
    address: Address,
    trust: Trust,
    timeout: float,  # noqa: ASYNC109 - handed on
    *,
    patient: bool,
) -> bytes:
    """The raw key the broker must have. It is pinned by the caller once the broker has proved to hold it.

    BROKER_KEY_CHANGED when pin and address disagree or the user says no, UNREACHABLE when the key must be
    asked for and nobody answers.
    """
    pinned, given = known.key_of(address), address.key
    if pinned is not None:
        if given is not None and given != pinned:
            raise known.changed(address)
        return pinned
    if given is None:
        given = (await fetch_key_card(address, timeout, patient=patient)).key
        if not trust(address.place, fingerprint(given)):
            raise CnMessageError(
                ErrorCode.BROKER_KEY_CHANGED,
                f"the key of {address.place} was not accepted; ask whoever runs the broker for the whole "
                "address, cnm://…#KEY, and give it with --broker",
            )
    return given
