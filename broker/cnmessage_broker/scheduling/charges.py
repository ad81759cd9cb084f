"""What work costs, and budgets for it: of an account, of a device and of an address.

A unit of writing is about one inbox row written, a unit of reading about one row looked at; bytes add to
both. What comes from this machine itself spends no address's budget: all its people share one. Takes the time
in seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cnmessage_broker.limits import Budget
from cnmessage_broker.net.gate import is_loopback

WIDE = 5
"""Units of an inbox row beyond a message's first two: it is pushed, too, or fetched."""

BYTES_WRITTEN = 256
"""Bytes of body that cost as much as an inbox row."""

BYTES_READ = 64
"""Bytes of an answer that cost as much as a row looked at."""

ADDRESS_FACTOR = 4
"""How many accounts' budgets an address has."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Units of work, before it is done where they are known, else after it."""

    writes: float = 0.0
    reads: float = 0.0


class WorkBudget:
    """Units of one kind of work; a `rate` (units a second) of 0 means no limit. A debt is paid by waiting."""

    def __init__(self, burst: float, rate: float) -> None:
        self._account: Budget[str] = Budget(burst, rate)
        self._device: Budget[str] = Budget(burst, rate)
        self._address: Budget[str] = Budget(burst * ADDRESS_FACTOR, rate * ADDRESS_FACTOR)

    def wait(self, account: int | None, key: str, address: str, now: float) -> float:
        """Seconds until they may have more done; 0.0 when at once."""
        return max(budget.wait(subject, now) for budget, subject in self._all(account, key, address))

    def spend(self, account: int | None, key: str, address: str, now: float, units: float) -> None:
        """Take what some work has cost."""
        for budget, subject in self._all(account, key, address):
            budget.spend(subject, now, units)

    def _all(self, account: int | None, key: str, address: str) -> Iterator[tuple[Budget[str], str]]:
        yield self._device, key
        if account is not None:
            yield self._account, str(account)
        if address and not is_loopback(address):
            yield self._address, address
