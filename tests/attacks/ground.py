"""What an attack stands on: where the broker is, whose accounts it has, how long it may go on, what it found.

An attack is a function of a `Ground`. It makes its links, says `ready()`, and goes on while `going()`.
It runs in a process of its own; see parties.py. Knows nothing of honest users or of measuring.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cnmessage_client.profile import KeyPair


@dataclass(frozen=True, slots=True)
class Account:
    """A user and the key of its only device, z85 text."""

    name: str
    public: str
    secret: str

    @property
    def keys(self) -> KeyPair:
        """As sockets want them."""
        return KeyPair(self.public.encode(), self.secret.encode())


@dataclass(frozen=True, slots=True)
class Place:
    """One broker with its accounts. `mark` is in every honest text and file and nowhere else.

    `honest` talk to each other, `newcomer` connects anew again and again, `owner` has been sent marked
    messages and the marked file `file`; `crowd` is everybody else: bystanders and attackers.
    """

    address: str
    mark: str
    honest: tuple[Account, ...]
    newcomer: Account
    owner: Account
    crowd: tuple[Account, ...]
    file: str
    file_size: int

    def write(self, path: Path) -> None:
        """For the parties, which are other processes."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Place":
        """What `write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        many = {name: tuple(Account(**each) for each in values[name]) for name in ("honest", "crowd")}
        one = {name: Account(**values[name]) for name in ("newcomer", "owner")}
        return cls(**{**values, **many, **one})


@dataclass(slots=True)
class Tally:
    """What one process of an attack did and got. `leaked` counts what it received and had no right to."""

    tried: int = 0
    heard: int = 0
    leaked: int = 0


@dataclass(slots=True)
class Ground:
    """What one process of an attack is given; `path` is where `place` was read."""

    path: Path
    place: Place
    number: int
    seconds: float
    begin: Callable[[], None]
    tally: Tally = field(default_factory=Tally)
    _until: float = 0.0

    @property
    def now(self) -> float:
        """The clock that `going` goes by."""
        return time.monotonic()

    def ready(self) -> None:
        """All is prepared: wait for the word, then the time runs."""
        self.begin()
        self._until = self.now + self.seconds

    def going(self) -> bool:
        """Whether there is time left."""
        return self.now < self._until

    def left(self) -> float:
        """Seconds that are left, at least none."""
        return max(0.0, self._until - self.now)

    def hear(self, data: bytes) -> None:
        """Every byte an attacker receives comes through here and is searched for honest text."""
        self.tally.heard += len(data)
        self.tally.leaked += data.count(self.place.mark.encode())

    def steal(self, data: bytes) -> None:
        """Something came that was for somebody else, marked or not."""
        self.tally.heard += len(data)
        self.tally.leaked += 1


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack. `row` is that of the table in docs/attack-report.md.

    `prepare` runs once, before anything is measured. `crowd` bystanders are online meanwhile, each with
    a subscription and beats. `descriptors` limits those of the broker. `seconds` is for attacks that take
    longer than the run's windows.
    """

    name: str
    row: int
    line: str
    run: Callable[[Ground], None]
    processes: int = 1
    prepare: Callable[[Ground], None] | None = None
    crowd: int = 0
    seconds: float | None = None
    descriptors: int | None = None
