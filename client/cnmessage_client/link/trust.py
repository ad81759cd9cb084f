"""Which key a broker must have: the pinned one, the one in its address, or the one the user accepts once."""

import asyncio
from collections.abc import Callable

from cnmessage_client.link.connection import Connection
from cnmessage_client.link.keyprobe import fetch_key_card
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


async def verified_key(known: KnownBrokers, address: Address, trust: Trust, timeout: float) -> bytes:  # noqa: ASYNC109 - handed on
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
        given = (await fetch_key_card(address, timeout)).key
        if not trust(address.place, fingerprint(given)):
            raise CnMessageError(
                ErrorCode.BROKER_KEY_CHANGED,
                f"the key of {address.place} was not accepted; ask whoever runs the broker for the whole "
                "address, cnm://…#KEY, and give it with --broker",
            )
    return given


class KeyGuard:
    """Sees to it that the broker holds the expected key, and pins the key once the broker has proved so.

    With another key the handshake never completes; asking the probe beats waiting for a time-out.
    """

    def __init__(
        self, known: KnownBrokers, address: Address, expected: bytes, connection: Connection
    ) -> None:
        self._known = known
        self._address = address
        self._expected = expected
        self._connection = connection
        self._task: asyncio.Task[None] | None = None

    def start(self, timeout: float, fail: Callable[[CnMessageError], None]) -> None:
        """Watch in the background; `fail` is given when the key is another one."""
        self._task = asyncio.create_task(self._watch(timeout, fail))

    def stop(self) -> None:
        """End watching; a broker that was heard holds the key, so it is pinned."""
        if self._task is not None:
            self._task.cancel()
        if self._connection.ever_heard:
            self._known.pin(self._address, self._expected)

    async def _watch(self, timeout: float, fail: Callable[[CnMessageError], None]) -> None:  # noqa: ASYNC109 - handed on
        heard, opened = self._connection.heard, self._connection.opened
        while True:  # once for each link: a broker may be replaced while we run
            opened.clear()
            try:
                await asyncio.wait_for(heard.wait(), SUSPICION)
            except TimeoutError:
                if await self._another_key(timeout) and not heard.is_set():
                    fail(self._known.changed(self._address))
                    return
            else:
                self._known.pin(self._address, self._expected)
            await opened.wait()

    async def _another_key(self, timeout: float) -> bool:  # noqa: ASYNC109 - handed on
        try:
            card = await fetch_key_card(self._address, timeout)
        except CnMessageError:
            return False
        return card.key != self._expected
