"""Who has transfers open, and how many a device, a user and all together may have.

A device's are counted when it asks. Whose device it is only the reactor knows, so a user's are counted when
it has answered, and from then on when they ask. Must not know what the transfers move.
"""

from typing import TypeVar

from cnmessage_broker.config import Config
from cnmessage_broker.files.peers import AuthenticatedDevice, Peer
from cnmessage_protocol.errors import ErrorCode, RequestError

Whose = TypeVar("Whose")


class CrowdedError(RequestError):
    """RATE_LIMITED, because of what is open; no other budget is spent."""


class Crowd:
    """All open transfers by their peer."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.devices: dict[Peer, AuthenticatedDevice] = {}
        self._accounts: dict[Peer, int] = {}
        self._of_key: dict[str, set[Peer]] = {}
        self._of_account: dict[int, set[Peer]] = {}

    def check(self, peer: Peer, device: AuthenticatedDevice) -> None:
        """RATE_LIMITED when there is no room for one more transfer of this device."""
        if peer in self.devices:
            return
        mine = self._of_key.get(device.key, set())
        if _full(mine, peer, self._config.transfers_per_device):
            raise _refusal(f"more than {self._config.transfers_per_device} transfers of one device at once")
        account = next((self._accounts[each] for each in mine if each in self._accounts), None)
        if account is not None:
            self._check_account(peer, account)
        if len(self.devices) >= self._config.max_transfers:
            raise _refusal(f"all {self._config.max_transfers} transfers of this broker are taken")

    def enter(self, peer: Peer, device: AuthenticatedDevice) -> None:
        """A transfer begins, or goes on."""
        self.devices[peer] = device
        self._of_key.setdefault(device.key, set()).add(peer)

    def belongs(self, peer: Peer, account: int) -> None:
        """This transfer is of that account; RATE_LIMITED when it has too many others."""
        if peer not in self._accounts:
            self._check_account(peer, account)
            self._accounts[peer] = account
            self._of_account.setdefault(account, set()).add(peer)

    def is_of(self, peer: Peer, account: int) -> bool:
        """Whether a transfer is known to be of that account."""
        return self._accounts.get(peer) == account

    def leave(self, peer: Peer) -> AuthenticatedDevice | None:
        """The transfer is over; whose it was."""
        account, device = self._accounts.pop(peer, None), self.devices.pop(peer, None)
        if account is not None:
            _less(self._of_account, account, peer)
        if device is not None:
            _less(self._of_key, device.key, peer)
        return device

    def _check_account(self, peer: Peer, account: int) -> None:
        most = self._config.transfers_per_user
        if _full(self._of_account.get(account, set()), peer, most):
            raise _refusal(f"more than {most} transfers of one user at once")


def _less(crowd: dict[Whose, set[Peer]], whose: Whose, peer: Peer) -> None:
    crowd[whose].discard(peer)
    if not crowd[whose]:
        del crowd[whose]


def _full(taken: set[Peer], peer: Peer, most: int) -> bool:
    """Whether `peer` is one too many.

    After a cut a client asks again before its old link is known to be gone, so the same transfer counts once.
    """
    return len({each.transfer for each in [*taken, peer]}) > most or len(taken) >= 2 * most


def _refusal(text: str) -> CrowdedError:
    return CrowdedError(ErrorCode.RATE_LIMITED, f"{text}; wait for some to end, then ask again")
