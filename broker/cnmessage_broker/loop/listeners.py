"""Who is online: live listeners with their topics, keys, liveness and send windows.

A listener is one program of one user that takes deliveries. Everything here is in memory only and may be
lost at any time: clients attach again. Times are those of the clock of attention.py.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from cnmessage_broker.logs import KEY_SHORT
from cnmessage_broker.net.gate import is_loopback
from cnmessage_broker.net.link import Link
from cnmessage_broker.store.ports.records import AccountId, Device, Owner
from cnmessage_protocol.ids import ID_SIZE, Topic, UserName
from cnmessage_protocol.machines.liveness import EXPIRY, Liveness
from cnmessage_protocol.sealing import KEY_SIZE, Sealer
from cnmessage_protocol.trace import Trail

WINDOW_BYTES = 4 << 20
"""Most bytes pushed to a listener that it has not confirmed yet; beyond, it fetches at its own pace."""


FREE_SHARE = 4
"""Listeners that an account may have when more than half of all are taken."""

SCARCE_SHARE = 1
"""The same when more than nine tenths are."""

ADDRESS_SHARE = 4
"""One address, but this machine's own, may have this fraction of all listeners."""


class Stage(Enum):
    """Where a listener stands."""

    ATTACHED = "attached"
    GREETED = "greeted"
    LIVE = "live"
    ENDED = "ended"


class Event(Enum):
    """What moves a listener."""

    HELLO = "hello"
    BEAT = "beat"
    CANCELLED = "cancelled"
    DETACHED = "detached"
    SILENT = "silent"
    DROPPED = "dropped"


TRANSITIONS: Mapping[tuple[Stage, Event], Stage] = MappingProxyType(
    {
        (Stage.ATTACHED, Event.HELLO): Stage.GREETED,
        (Stage.GREETED, Event.HELLO): Stage.GREETED,
        (Stage.LIVE, Event.HELLO): Stage.GREETED,
        (Stage.GREETED, Event.BEAT): Stage.LIVE,
        (Stage.GREETED, Event.CANCELLED): Stage.ATTACHED,
        (Stage.LIVE, Event.CANCELLED): Stage.ATTACHED,
        **{
            (stage, event): Stage.ENDED
            for stage in (Stage.ATTACHED, Stage.GREETED, Stage.LIVE)
            for event in (Event.DETACHED, Event.SILENT, Event.DROPPED)
        },
    }
)
"""Every transition. An event that is not here for a stage changes nothing."""


def _never() -> bool:
    return False


@dataclass(slots=True)
class Listener:
    """One live listener. `address` is where it attached from, `link` the connection that its deliveries take,
    `behind` whether more lies untaken there than may.
    """

    topic: Topic
    key: bytes
    owner: Owner
    name: UserName
    device: Device
    sealer: Sealer
    liveness: Liveness
    address: str = ""
    link: Link | None = None
    behind: Callable[[], bool] = _never
    stage: Stage = Stage.ATTACHED
    _unconfirmed: deque[tuple[int, int]] = field(default_factory=deque)
    _bytes: int = 0

    @property
    def granted(self) -> bool:
        """Whether the broker has let it subscribe to its topic."""
        return self.stage is Stage.LIVE or self.stage is Stage.GREETED

    def take(self, places: Sequence[tuple[int, int]]) -> int:
        """How many of these items, each (seq, bytes), may be pushed now; they count as on their way."""
        if not self.granted or self.behind():
            return 0
        for taken, (seq, size) in enumerate(places):
            if self._bytes > WINDOW_BYTES:
                return taken
            self._unconfirmed.append((seq, size))
            self._bytes += size
        return len(places)

    def confirmed(self, cursor: int) -> None:
        """The client has everything up to `cursor`."""
        while self._unconfirmed and self._unconfirmed[0][0] <= cursor:
            self._bytes -= self._unconfirmed.popleft()[1]


class Listeners:
    """All live listeners. `randomness(n)` gives n random bytes."""

    def __init__(self, randomness: Callable[[int], bytes], trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self._randomness = randomness
        self._by_topic: dict[Topic, Listener] = {}
        self._by_owner: dict[Owner, dict[Topic, Listener]] = {}
        self._of_key: Counter[str] = Counter()
        self._of_address: Counter[str] = Counter()
        self._changes: dict[Owner, tuple[UserName, bool]] = {}
        self._announced: set[Owner] = set()

    def __len__(self) -> int:
        return len(self._by_topic)

    def has_room(self, owner: Owner, address: str, of_user: int, of_all: int) -> bool:
        """Whether this user may have one more, of at most `of_user`, and `of_all` for everybody.

        The more are taken the smaller is everyone's share, so that many who take what they can leave room for
        others.
        """
        taken = len(self._by_topic)
        if taken * 10 >= of_all * 9:
            of_user = min(of_user, SCARCE_SHARE)
        elif taken * 2 >= of_all:
            of_user = min(of_user, FREE_SHARE)
        near = not address or is_loopback(address)
        of_address = of_all if near else max(1, of_all // ADDRESS_SHARE)
        return taken < of_all and len(self.of(owner)) < of_user and self._of_address[address] < of_address

    def has_key(self, key: str) -> bool:
        """Whether a device key has a listener, and so something to subscribe to."""
        return self._of_key[key] > 0

    def add(self, device: Device, name: UserName, now: float, address: str = "") -> tuple[Listener, bool]:
        """A new listener, and whether its owner just came online by it."""
        topic, key = Topic(self._randomness(ID_SIZE)), self._randomness(KEY_SIZE)
        owner = device.account
        new = Listener(topic, key, owner, name, device, Sealer(topic, key), Liveness(now, EXPIRY), address)
        self._of_key[device.key] += 1
        self._of_address[address] += 1
        self._trail.note("listener", "none", "attach", new.stage, name, device.key[:KEY_SHORT])
        first = owner not in self._by_owner
        self._by_topic[topic] = new
        self._by_owner.setdefault(owner, {})[topic] = new
        if first:
            self._changes[owner] = (name, True)
        return new, first

    def get(self, topic: bytes, key: str) -> Listener | None:
        """The listener of that topic, if it belongs to the device key."""
        found = self._by_topic.get(Topic(topic))
        return found if found is not None and found.device.key == key else None

    def of(self, owner: Owner) -> Collection[Listener]:
        """A user's listeners."""
        return self._by_owner.get(owner, {}).values()

    def of_device(self, key: str, owner: Owner) -> list[Listener]:
        """A device's listeners."""
        return [each for each in self.of(owner) if each.device.key == key]

    def all(self) -> Iterable[Listener]:
        """Every listener."""
        return self._by_topic.values()

    def online(self, owner: Owner) -> bool:
        """Whether the user has a listener."""
        return owner in self._by_owner

    def online_owners(self) -> Collection[AccountId]:
        """Everyone who has a listener."""
        return self._by_owner.keys()

    def expired(self, now: float) -> list[Listener]:
        """Listeners that were silent too long."""
        return [each for each in self._by_topic.values() if each.liveness.expired(now)]

    def step(self, listener: Listener, event: Event) -> None:
        """Something happened to a listener."""
        after = TRANSITIONS.get((listener.stage, event))
        if after is not None:
            before, listener.stage = listener.stage, after
            self._trail.note("listener", before, event, after, listener.name, listener.device.key[:KEY_SHORT])

    def grant(self, listener: Listener, link: Link, behind: Callable[[], bool]) -> None:
        """It may subscribe to its topic, on this connection; `behind` says whether too much waits there."""
        listener.link, listener.behind = link, behind
        self.step(listener, Event.HELLO)

    def remove(self, listener: Listener, event: Event = Event.DROPPED) -> bool:
        """End a listener; True when its owner went offline by it."""
        if self._by_topic.pop(listener.topic, None) is None:
            return False
        self.step(listener, event)
        _less(self._of_key, listener.device.key)
        _less(self._of_address, listener.address)
        mine = self._by_owner[listener.owner]
        del mine[listener.topic]
        if mine:
            return False
        del self._by_owner[listener.owner]
        self._changes[listener.owner] = (listener.name, False)
        return True

    def take_changes(self) -> list[tuple[UserName, bool]]:
        """Who came or went since the last call; one who did both within it is not news."""
        news = []
        for owner, (name, online) in self._changes.items():
            if online is not (owner in self._announced):
                news.append((name, online))
                (self._announced.add if online else self._announced.discard)(owner)
        self._changes.clear()
        return news


def _less(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
