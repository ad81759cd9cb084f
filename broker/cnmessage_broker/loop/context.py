"""What every handler is given: who asks, and what the broker has.

Clocks and randomness come from here and from nowhere else, so that a test can hold them still.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cnmessage_broker.config import Config
from cnmessage_broker.limits import Budget
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.loop.password_changes import PasswordChanges
from cnmessage_broker.loop.passwords import OWASP, Passwords
from cnmessage_broker.scheduling.charges import WorkBudget
from cnmessage_broker.store.ports.directory import Directory
from cnmessage_broker.store.ports.records import Account, AccountId, Device
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import FileId, MessageId, uuid7
from cnmessage_protocol.trace import Trail

SEEN_GRAIN = 60_000
"""Milliseconds within which a device's last use is not written down again."""

FROM_ANYWHERE = 10
"""As many logins to one name as from one address may come from all of them together."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: the CURVE key that ZAP vouched for, and what it is bound to."""

    key: str
    address: str
    device: Device | None
    account: Account | None

    def bound(self) -> tuple[Device, Account]:
        """The device and its account; the dispatcher's guard has seen to it that there are any."""
        if self.device is None or self.account is None:
            raise RequestError(ErrorCode.UNAUTHENTICATED, "log in first")
        return self.device, self.account


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may be done how often."""

    login_by_name: Budget[str]
    login_by_name_and_address: Budget[str]
    own_password: Budget[str]
    login_by_key: Budget[str]
    login_by_address: Budget[str]
    send: Budget[int]
    writes: WorkBudget
    reads: WorkBudget


@dataclass(slots=True)
class Deps:
    """The rooms and sources a handler may use.

    `monotonic` in seconds, `wall` in seconds since 1970, `randomness(n)` gives n bytes. `fetching` is how far
    fetches under way have come; only where they stopped is worth the disk. `aged_at`: the running time up to
    which is written down, on the monotonic clock. `listened` is the clock of clients' silence, in seconds: it
    stands while what they say waits unread here. `pressed` says that memory is short. `trail` is where
    the loop's machines note what they do.
    """

    config: Config
    directory: Directory
    listeners: Listeners
    budgets: Budgets
    monotonic: Callable[[], float]
    wall: Callable[[], float]
    randomness: Callable[[int], bytes]
    listened: Callable[[], float]
    passwords: Passwords = OWASP
    password_changes: PasswordChanges = field(default_factory=PasswordChanges)
    stopping: bool = False
    pressed: bool = False
    fetching: dict[tuple[FileId, AccountId], int] = field(default_factory=dict)
    trail: Trail = field(default_factory=Trail)
    aged_at: float = field(init=False)
    _last_id: int = 0
    _last_ms: int = 0

    def __post_init__(self) -> None:
        self.aged_at = self.monotonic()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.wall() * 1000)

    def message_id(self, now_ms: int) -> MessageId:
        """A fresh UUIDv7, always above the one before, even when the clock goes back."""
        fresh = self._last_id + 1
        if now_ms != self._last_ms:  # within a millisecond the ids count (RFC 9562, 6.2)
            fresh = max(fresh, int.from_bytes(uuid7(now_ms, self.randomness(10)), "big"))
            self._last_ms = now_ms
        self._last_id = fresh
        return MessageId(fresh.to_bytes(16, "big"))


def last_use(device: Device, now_ms: int) -> int:
    """When a device that is used now counts as used, in ms since 1970: to the minute, to spare the disk."""
    return now_ms if abs(now_ms - device.last_seen) >= SEEN_GRAIN else device.last_seen


def budgets(config: Config) -> Budgets:
    """Fresh budgets as configured."""
    return Budgets(
        login_by_name=Budget(config.login_burst * FROM_ANYWHERE, config.login_rate * FROM_ANYWHERE),
        login_by_name_and_address=Budget(config.login_burst, config.login_rate),
        own_password=Budget(config.login_burst, config.login_rate),
        login_by_key=Budget(config.login_burst, config.login_rate),
        login_by_address=Budget(config.address_login_burst, config.address_login_rate),
        send=Budget(config.send_burst, config.send_rate),
        writes=WorkBudget(config.write_burst, config.write_rate),
        reads=WorkBudget(config.read_burst, config.read_rate),
    )
