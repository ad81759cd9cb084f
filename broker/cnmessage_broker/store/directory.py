"""What a store on disk holds in memory; see Directory for the contract.

Written through by the store's one writer. Values are replaced as a whole and never changed, so that others
may read at the same time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from cnmessage_broker.store.ports.records import Account, AccountId, Device, Marks, Owner
from cnmessage_protocol.ids import UserName

_NOBODY: frozenset[AccountId] = frozenset()
_NONE: Mapping[int, Device] = {}


class HeldDirectory:
    """Directory of a store whose epoch is `epoch`."""

    def __init__(self, epoch: bytes) -> None:
        self.epoch = epoch
        self.accounts: dict[AccountId, Account] = {}
        self._names: dict[str, Account] = {}
        self._marks: dict[Owner, Marks] = {}
        self._devices: dict[str, Device] = {}
        self._devices_of: dict[AccountId, Mapping[int, Device]] = {}
        self._blockers: dict[AccountId, frozenset[Owner]] = {}
        self._blocked: dict[Owner, frozenset[AccountId]] = {}

    def account_by_name(self, name: str) -> Account | None:
        return self._names.get(name)

    def account(self, account: AccountId) -> Account | None:
        return self.accounts.get(account)

    def device(self, key: str) -> Device | None:
        return self._devices.get(key)

    def devices(self, account: AccountId) -> Sequence[Device]:
        return sorted(self._devices_of.get(account, _NONE).values(), key=lambda device: device.id)

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        return sorted(self.accounts[target].name for target in self._blocked.get(owner, _NOBODY))

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        return self._blockers.get(sender, _NOBODY)

    def marks(self, owner: Owner) -> Marks:
        return self._marks[owner]

    # -- for the writer ---------------------------------------------------------------------------

    def keep_account(self, account: Account, marks: Marks | None = None) -> None:
        """A new account, or one with another password; `marks` are a new one's."""
        if marks is not None:
            self._marks[account.id] = marks
        self.accounts[account.id] = account
        self._names[account.name] = account

    def keep_marks(self, marks: Mapping[Owner, Marks]) -> None:
        """These inboxes have moved on."""
        self._marks.update(marks)

    def keep_device(self, device: Device) -> None:
        """A binding that is new or has changed; its key's earlier one goes."""
        earlier = self._devices.get(device.key)
        mine = {**self._devices_of.get(device.account, _NONE), device.id: device}
        self._devices_of[device.account] = mine
        self._devices[device.key] = device
        if earlier is not None and earlier.id != device.id:
            self._leave(earlier)

    def drop_devices(self, devices: Iterable[Device]) -> None:
        """Bindings that are no more."""
        for device in devices:
            del self._devices[device.key]
            self._leave(device)

    def _leave(self, device: Device) -> None:
        mine = self._devices_of[device.account]
        self._devices_of[device.account] = {
            number: each for number, each in mine.items() if number != device.id
        }

    def keep_block(self, owner: Owner, target: AccountId) -> None:
        """`owner` blocks `target`."""
        self._blockers[target] = self._blockers.get(target, _NOBODY) | {owner}
        self._blocked[owner] = self._blocked.get(owner, _NOBODY) | {target}

    def drop_block(self, owner: Owner, target: AccountId) -> None:
        """`owner` does not block `target` any more."""
        self._blockers[target] -= {owner}
        self._blocked[owner] -= {target}
