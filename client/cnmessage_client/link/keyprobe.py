"""Asks a broker's key probe: connect to a plain TCP port, say nothing, read the key card to its end.

Whoever answers has proved nothing yet, so it gets little: so many bytes, and one deadline for everything.
"""

import asyncio
import socket

from cnmessage_client.link.connection import unreachable
from cnmessage_client.profile import Address
from cnmessage_protocol.envelope import MAX_KEY_CARD, PROBE, KeyCard, unpack_key_card
from cnmessage_protocol.errors import ProtocolError

_PAUSE = 0.2
"""Seconds until nobody's answer is asked for again: a broker may be starting."""


async def fetch_key_card(address: Address, timeout: float) -> KeyCard:  # noqa: ASYNC109 - it becomes our own error
    """Ask a broker's key probe; UNREACHABLE after `timeout` seconds, ProtocolError for no key card."""
    try:
        async with asyncio.timeout(timeout):
            while True:
                if card := await _ask(address, timeout):
                    return unpack_key_card(card)
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise unreachable(address) from None


async def _ask(address: Address, seconds: float) -> bytes:
    """What the first of the host's addresses says that answers; nothing if none does in its share of time."""
    # The same family as that of the secured sockets: see sockets.common.
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            address.host, address.port + PROBE, family=family, type=socket.SOCK_STREAM
        )
    except OSError:
        return b""
    for _, _, _, _, place in found:
        try:
            async with asyncio.timeout(seconds / len(found)):
                if card := await _read(family, place):
                    return card
        except OSError:  # a TimeoutError is one, too
            continue
    return b""


async def _read(family: socket.AddressFamily, place: tuple[object, ...]) -> bytes:
    """All that is said at one address until it hangs up."""
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        await loop.sock_connect(caller, place)
        card = b""
        while data := await loop.sock_recv(caller, MAX_KEY_CARD + 1 - len(card)):
            card += data
            if len(card) > MAX_KEY_CARD:
                raise ProtocolError("this is not the key probe of a cnmessage broker")
        return card
