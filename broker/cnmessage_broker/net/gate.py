"""Machine: how many connections an address may hold and how fast it may open more.

libzmq accepts whoever comes; this says which of them are cut again. Takes the time; knows no socket. One gate
a port. The reasons for the numbers are in docs/security.md, "Connections".
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network

from cnmessage_broker.limits import Budget
from cnmessage_protocol.trace import Trail

LOOPBACK_FACTOR = 8
"""People of a machine share an address, and their scripts open a connection a command, as fast as they go."""


TOO_FAST = "an address connects too fast"
TOO_MANY = "too many connections of an address"
USED_UP = "connections are used up"
"""Why somebody must go."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Of one port: connections in all, of an address, and how many an address opens at once and a second."""

    total: int
    of_address: int
    burst: int
    rate: float


class Gate:
    """Counts open connections by address."""

    def __init__(self, limits: GateLimits, trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._total = 0
        self._far: Budget[str] = Budget(limits.burst, limits.rate)

    def opened(self, now: float, address: str) -> str | None:
        """Somebody connected; why one must go again, or None when all may stay."""
        reason = self._opened(now, address)
        if reason is not None:
            self._trail.note("gate", "open", "connected", "cut", reason, address)
        return reason

    def _opened(self, now: float, address: str) -> str | None:
        near = is_loopback(address)
        factor = LOOPBACK_FACTOR if near else 1
        self._open[address] += 1
        self._total += 1
        if self._total > self._limits.total:
            return USED_UP
        share = self._limits.total * 3 // 4 if near else self._limits.total // 2
        of_address = min(self._limits.of_address * factor, max(1, share))
        if self._open[address] > of_address:
            return TOO_MANY
        if near:
            return None
        if self._far.wait(address, now) > 0:
            return TOO_FAST
        self._far.spend(address, now)
        return None

    def closed(self, address: str) -> None:
        """One of them is gone."""
        self._total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    @property
    def full(self) -> bool:
        """Whether all connections that there may be are there."""
        return self._total >= self._limits.total


@lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False  # a network among them


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What an address counts as: itself, or of a far IPv6 one its first 64 bits, which are one owner's."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if known.version == 4 or known.is_loopback:
        return address
    return str(ip_network((int(known) >> 64 << 64, 64)))
