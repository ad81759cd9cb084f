"""Requests and file messages from a seeded generator: right ones of every verb, and spoiled ones."""

import random
import string
from inspect import getclosurevars
from typing import Any

import msgpack

from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.files.channel import FROM_CLIENT
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import outgoing
from cnmessage_protocol.requests import REQUESTS
from cnmessage_protocol.schema import Check, boolean, fields

EDGES = (
    0,
    1,
    2,
    255,
    256,
    1 << 20,
    (1 << 31) - 1,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    -1,
    -(1 << 63),
)


class Values:
    """Draws values; `names` are accounts that exist."""

    def __init__(self, rng: random.Random, names: tuple[str, ...], ids: list[bytes] | None = None) -> None:
        self.rng = rng
        self._names = names
        self._ids = ids or [b"u" * ID_SIZE]

    def request(self) -> bytes:
        """The frame of some request, right or spoiled."""
        # Logging out ends the attack for this key until the next round, so it comes seldom.
        verbs = [verb for verb in REQUESTS if verb != "logout" or self.rng.random() < 0.02]
        verb: Any = self.rng.choice(verbs)
        record = REQUESTS[verb]
        arguments = self._map(record)
        version, number = VERSION, self.rng.choice([1, 2, 0, *EDGES])
        if self.rng.random() < 0.1:
            verb = self.plain(1)
        if self.rng.random() < 0.1:
            number = self.plain(1)
        value = [version, number, verb, arguments]
        if self.rng.random() < 0.05:
            value = value[: self.rng.randint(0, 4)]
        return self._packed(value)

    def file_message(self) -> list[bytes]:
        """The frames of some message on the file channel, right or spoiled."""
        verb, record = self.rng.choice(list(FROM_CLIENT.items()))
        frames = [self._packed([VERSION, self.rng.choice(self._ids), verb, self._map(record)])]
        if verb == "chunk" or self.rng.random() < 0.1:
            frames.append(self.rng.randbytes(self.rng.choice([0, 1, 1000, 1 << 16])))
        return frames * self.rng.choice([1, 1, 1, 2])

    def plain(self, depth: int = 3) -> Any:
        """Anything that msgpack carries."""
        kind = self.rng.randrange(9 if depth else 7)
        match kind:
            case 0:
                return None
            case 1:
                return self.rng.random() < 0.5
            case 2:
                return self.rng.choice(EDGES)
            case 3:
                return self.rng.uniform(-1e30, 1e30)
            case 4:
                return self._text(self.rng.choice([0, 1, 33, 129, 1025, 70_000]))
            case 5:
                return self.rng.randbytes(self.rng.choice([0, 15, 16, 17, 32, 5000]))
            case 6:
                return self.rng.choice(self._names)
            case 7:
                return [self.plain(depth - 1) for _ in range(self.rng.choice([0, 1, 3, 300]))]
            case _:
                return {self._text(3): self.plain(depth - 1) for _ in range(self.rng.randint(0, 4))}

    def _map(self, record: type[Any]) -> Any:
        values = {each.name: self._valid(each.check) for each in fields(record)}
        if self.rng.random() < 0.35:
            if not values or self.rng.random() < 0.1:
                return self.plain()
            values[self.rng.choice([*values, "odd"])] = self.plain()
        return values

    def _valid(self, check: Check) -> Any:
        rng = self.rng
        if check is boolean:
            return rng.random() < 0.5
        if check is outgoing:
            return [rng.randbytes(ID_SIZE), [rng.choice(self._names)], self._text(rng.randint(1, 200))]
        rule, limits = check.__qualname__.split(".")[0], getclosurevars(check).nonlocals
        match rule:
            case "text":
                return self._text(min(limits["max_bytes"], max(limits["min_bytes"], rng.randint(1, 20))))
            case "integer":
                return min(limits["high"], max(limits["low"], rng.choice(EDGES)))
            case "blob":
                return rng.choice(self._ids) if limits["size"] == ID_SIZE else rng.randbytes(limits["size"])
            case "optional":
                return None if rng.random() < 0.5 else self._valid(limits["inner"])
            case "many":
                return [
                    self._valid(limits["inner"])
                    for _ in range(max(limits["minimum"], rng.choice([1, 2, 50])))
                ]
            case "_recipients":
                return [rng.choice(self._names)]
            case _:
                return rng.choice(self._names)  # the kinds of names

    def _text(self, size: int) -> str:
        return "".join(self.rng.choices(string.ascii_letters + "  äß", k=size)) if size < 1000 else "x" * size

    def _packed(self, value: Any) -> bytes:
        try:
            packed: bytes = msgpack.packb(value, use_bin_type=True)
        except (OverflowError, ValueError):
            packed = self.rng.randbytes(40)
        match self.rng.randrange(20):
            case 0:
                return packed[: self.rng.randint(0, len(packed))]
            case 1:
                place = self.rng.randrange(len(packed))
                return packed[:place] + self.rng.randbytes(1) + packed[place + 1 :]
            case 2:
                return packed + self.rng.randbytes(self.rng.randint(1, 9))
            case _:
                return packed
