"""Which key a broker must have: the pinned one, the one in its address, or the one the user accepts once.

Called by client.py before anything secret is sent.
"""

import asyncio
from collections.abc import Callable

from cnmessage_client.connection import Connection, fetch_key_card
from cnmessage_client.profile import Address, KnownBrokers
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import fingerprint

SUSPICION = 0.7
"""Seconds without a first answer after which the broker's key is looked at again."""

Trust = Callable[[str, str], bool]
"""Asked before a broker's key is accepted for the first time: (HOST:PORT, fingerprint) to yes or no."""


def trust_loopback(place: str, _fingerprint: str) -> bool:
    """Accept a broker on this machine, and no other."""
    host = place.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")


async def settle_key(known: KnownBrokers, address: Address, trust: Trust, timeout: float) -> bytes:  # noqa: ASYNC109 - handed on to a thread
    """The raw key the broker must have; pins it when it is met for the first time.

    BROKER_KEY_CHANGED when pin and address disagree or the user says no, UNREACHABLE when the key must be
    asked for and nobody answers.
    """
    pinned, told = known.key_of(address), address.key
    if pinned is not None:
        if told is not None and told != pinned:
            raise known.changed(address)
        return pinned
    if told is None:
        told = (await asyncio.to_thread(fetch_key_card, address, timeout)).key
        if not trust(address.place, fingerprint(told)):
            raise CnMessageError(
                ErrorCode.BROKER_KEY_CHANGED,
                f"the key of {address.place} was not accepted; ask whoever runs the broker for the whole "
                "address, cnm://…#KEY, and give it with --broker",
            )
    known.pin(address, told)
    return told


async def key_has_changed(connection: Connection, address: Address, expected: bytes, timeout: float) -> bool:  # noqa: ASYNC109 - handed on to a thread
    """Whether a broker that stays silent has another key now.

    With another key the handshake never completes; asking the probe beats waiting for a time-out.
    """
    try:
        await asyncio.wait_for(connection.heard.wait(), SUSPICION)
    except TimeoutError:
        try:
            card = await asyncio.to_thread(fetch_key_card, address, timeout)
        except CnMessageError:
            return False
        return card.key != expected and not connection.heard.is_set()
    return False
