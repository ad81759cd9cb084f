"""Asks a broker's key probe: connect to a plain TCP port, say nothing, read the key card to its end.

Whoever answers has proved nothing yet, so it gets little: so many bytes, and one deadline for everything.
"""

import asyncio
import errno
import socket

from cnmessage_client.address import Address
from cnmessage_client.link.reach import Obstacle, OutOfReachError, ask, opens, silence
from cnmessage_protocol.envelope import MAX_KEY_CARD, PROBE, KeyCard, unpack_key_card
from cnmessage_protocol.errors import ProtocolError

_PAUSE = 0.4
"""Seconds until nobody's answer is asked for again: a broker may be starting."""


async def fetch_key_card(address: Address, timeout: float, *, patient: bool = True) -> KeyCard:  # noqa: ASYNC109 - it becomes our own error
    """Ask a broker's key probe; UNREACHABLE after `timeout` seconds, ProtocolError for no key card.

    Who is not `patient` is refused twice at most. The error tells of the probe's port only if the broker's
    first one takes connections.
    """
    card = asyncio.create_task(_card(address, timeout, patient=patient))
    first = asyncio.create_task(_first_port(address, timeout))
    try:
        if not patient:
            await asyncio.wait((card, first), return_when=asyncio.FIRST_COMPLETED)
            if not card.done():
                await first
        try:
            return unpack_key_card(await card)
        except OutOfReachError:
            await first  # raises what is worse
            raise
    finally:
        for each in (card, first):
            each.cancel()
        await asyncio.wait((card, first))
        for each in (card, first):
            each.cancelled() or each.exception()  # seen


async def _first_port(address: Address, seconds: float) -> None:
    """See, twice if need be, whether anything listens where the broker should."""
    try:
        await opens(address, 0, seconds)
    except OutOfReachError as error:
        if error.obstacle is Obstacle.SILENCE:
            raise
        await asyncio.sleep(_PAUSE)
        await opens(address, 0, seconds)


async def _card(address: Address, seconds: float, *, patient: bool) -> bytes:
    refused = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ask(address, PROBE, seconds, _read)
                except OutOfReachError:
                    refused += 1
                    if refused > 1 and not patient:
                        raise
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise silence(address, PROBE, seconds) from None


async def _read(caller: socket.socket) -> bytes:
    """All that is said on a connection until the other side hangs up."""
    loop = asyncio.get_running_loop()
    card = b""
    while data := await loop.sock_recv(caller, MAX_KEY_CARD + 1 - len(card)):
        card += data
        if len(card) > MAX_KEY_CARD:
            raise ProtocolError("this is not the key probe of a cnmessage broker")
    if not card:
        raise OSError(errno.ENODATA, "it says nothing")
    return card
