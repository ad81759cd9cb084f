"""Reaching a port of a broker over plain TCP: at which of the host's addresses, or why at none, in words.

What connects has proved nothing. Must not know what is said on a port.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar

from cnmessage_client.address import Address
from cnmessage_client.home_files import RAISE_LIMIT, TOO_MANY
from cnmessage_protocol.envelope import FILES, PROBE
from cnmessage_protocol.errors import CnMessageError, ErrorCode

STAGGER = 0.25
"""Seconds that one address of a host has before the next one is tried beside it (RFC 8305)."""

DELIVERIES = 1
"""The port that brings deliveries, counted from the broker's first."""

_USE = MappingProxyType(
    {DELIVERIES: "brings messages", FILES: "moves files", PROBE: "tells the broker's key"}
)

_Where = tuple[Any, ...]
_Place = tuple[socket.AddressFamily, _Where]
Result = TypeVar("Result")


class Obstacle(Enum):
    """Why no connection comes about."""

    UNKNOWN_HOST = "unknown host"
    REFUSED = "refused"
    NO_ROUTE = "no route"
    SILENCE = "silence"


class OutOfReachError(CnMessageError):
    """No connection to a port of the broker; `obstacle` says why."""

    def __init__(self, obstacle: Obstacle, message: str) -> None:
        super().__init__(ErrorCode.UNREACHABLE, message)
        self.obstacle = obstacle


async def ask(
    address: Address, offset: int, seconds: float, attempt: Callable[[socket.socket], Awaitable[Result]]
) -> Result:
    """What an `attempt` on a connection to a port, counted from the first, gives, which is closed then.

    The host's addresses are tried in order, each beside the one before if that is slow; the first one counts
    whose attempt raises no OSError. OutOfReachError when there is none within `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _first(address, offset, await _look_up(address, offset), attempt)
    except TimeoutError:
        raise silence(address, offset, seconds) from None


async def opens(address: Address, offset: int, seconds: float) -> str:
    """The host's address, in numbers, at which a port takes connections; OutOfReachError if there is none."""
    return await ask(address, offset, seconds, _number)


async def blocked(address: Address, offset: int, seconds: float) -> OutOfReachError | None:
    """Why a port takes no connection although the first one does; None when that is not so."""
    first = asyncio.create_task(opens(address, 0, seconds))
    try:
        await opens(address, offset, seconds)
    except OutOfReachError as error:
        with suppress(OutOfReachError):
            await first
            return error
    finally:
        first.cancel()
        await asyncio.wait((first,))
        if not first.cancelled():
            first.exception()  # seen: it is no more than a no
    return None


async def in_numbers(address: Address, seconds: float) -> str:
    """The address of the broker's host, in numbers, that takes connections, or the only one it has."""
    if address.in_numbers:
        return address.host
    places = await _look_up(address, 0)
    return _as_number(places[0][1]) if len(places) == 1 else await opens(address, 0, seconds)


def silence(address: Address, offset: int, seconds: float) -> OutOfReachError:
    """The error for a port from which nothing has come."""
    port = address.port + offset
    text = (
        f"no answer from {address.place} for {seconds:g} s: the machine is off, or a firewall drops what is "
        f"sent to port {port}; check the address, and ask whoever runs the broker"
        if offset == 0
        else _half_open(address, offset, f"nothing answers on port {port}")
    )
    return OutOfReachError(Obstacle.SILENCE, text)


async def _look_up(address: Address, offset: int) -> Sequence[_Place]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port + offset, type=socket.SOCK_STREAM)
    except OSError as error:
        if error.errno in TOO_MANY:  # nobody was asked: this machine itself could not
            text = f"this machine cannot look '{address.host}' up: {error.strerror}; {RAISE_LIMIT}"
            raise CnMessageError(ErrorCode.STORAGE, text) from error
        text = (
            f"there is no host '{address.host}' ({error.strerror}); check how it is spelled, and whether "
            "this machine can look names up"
        )
        raise OutOfReachError(Obstacle.UNKNOWN_HOST, text) from error
    return list(dict.fromkeys((family, place) for family, _, _, _, place in found))


async def _first(
    address: Address,
    offset: int,
    places: Sequence[_Place],
    attempt: Callable[[socket.socket], Awaitable[Result]],
) -> Result:
    left, trying = list(places), set[asyncio.Task[Result]]()
    failed: list[OSError] = []
    try:
        while left or trying:
            if left:
                trying.add(asyncio.create_task(_try(*left.pop(0), attempt)))
            done, trying = await asyncio.wait(
                trying, timeout=STAGGER if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                if (error := each.exception()) is None:
                    return each.result()
                if not isinstance(error, OSError):
                    raise error
                failed.append(error)
    finally:
        for each in trying:
            each.cancel()
        await asyncio.gather(*trying, return_exceptions=True)
    raise _closed(address, offset, failed)


async def _try(
    family: socket.AddressFamily, place: _Where, attempt: Callable[[socket.socket], Awaitable[Result]]
) -> Result:
    with socket.socket(family, socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        await asyncio.get_running_loop().sock_connect(caller, place)
        return await attempt(caller)


async def _number(caller: socket.socket) -> str:
    return _as_number(caller.getpeername())


def _as_number(where: _Where) -> str:
    return socket.getnameinfo(where, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]


def _closed(address: Address, offset: int, failed: Sequence[OSError]) -> OutOfReachError:
    port = address.port + offset
    if any(isinstance(each, ConnectionRefusedError) for each in failed):
        text = (
            f"{address.place} refuses connections: no broker listens on port {port}; is it running? "
            "('cnmessage-broker start' starts one, --broker names another)"
            if offset == 0
            else _half_open(address, offset, f"port {port} refuses connections")
        )
        return OutOfReachError(Obstacle.REFUSED, text)
    reason = next((each.strerror for each in failed if each.strerror), "no address of it can be used")
    text = (
        f"{address.place} cannot be reached from this machine: {reason}; check the network and the address"
        if offset == 0
        else _half_open(address, offset, f"port {port} cannot be reached: {reason}")
    )
    return OutOfReachError(Obstacle.NO_ROUTE, text)


def _half_open(address: Address, offset: int, what: str) -> str:
    advice = " (or whoever runs it tells its whole address, cnm://…#KEY)" if offset == PROBE else ""
    return (
        f"{address.place} takes connections, but {what}, the one that {_USE[offset]}: if that is the "
        f"broker's first port, all four, {address.port} to {address.port + PROBE}, must be open{advice}"
    )
