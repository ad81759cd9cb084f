"""Machine: own messages on their way, each in one room; every move between rooms is one method here.

           queue            stored                      receipts
    typed ───────▶ QUEUED ─────────▶ STORED (watched) ──────────▶ DELIVERED (forgotten)
                    │  ▲   stored ▲
             failed ▼  │ retry    │
                    FAILED ───────┘

A watched message is asked for soon after it was stored, when a recipient comes online, and else now and
then. Gives the messages whose mark has changed. Knows no view.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.entries import Mark, Said
from cnmessage_client.model import Delivered
from cnmessage_protocol.conversation import from_wire
from cnmessage_protocol.results import MAX_RECEIPT_IDS

SOON = (0.1, 0.3, 1.0, 3.0)
"""Seconds after storing, or after a recipient came, at which the broker is asked."""

EVERY = 15.0
"""Seconds between later questions."""

PATIENCE = 0.5
"""Seconds that a message may be on its way before the status line counts it, while the connection is up."""

_ARRIVED = frozenset({"delivered", "read"})


@dataclass(slots=True)
class _Watched:
    """A stored message. It is asked for at `due`; `asked` counts the questions since `start`."""

    said: Said
    start: float
    asked: int
    due: float


class Outgoing:
    """What this user sends from here, until somebody has it."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self._queued: dict[str, tuple[Said, float]] = {}
        self._failed: dict[str, Said] = {}
        self._watched: dict[str, _Watched] = {}
        self._keys: dict[str, None] = {}
        self._up = False

    def waiting(self, now: float, *, up: bool) -> int:
        """Messages that a person would say are queued: those just sent are not."""
        return sum(not up or now - since >= PATIENCE for _, since in self._queued.values())

    def ours(self, key: str) -> bool:
        """Whether a message with this key was sent from here."""
        return key in self._keys

    # -- moves ------------------------------------------------------------------------------------

    def queue(self, said: Said, now: float) -> None:
        """This message was handed over for sending."""
        self._queued[said.key] = (said, now)
        self._keys[said.key] = None
        _forget_oldest(self._keys, self._bounds.keys)

    def stored(self, key: str, message_id: str, seq: int, now: float) -> Said | None:
        """The broker has it, as its receipt or our own copy says; None when that is known already."""
        queued = self._queued.pop(key, None)
        said = self._failed.pop(key, None) if queued is None else queued[0]
        if said is None:
            return None
        said = replace(said, mark=Mark.STORED, seq=seq, reason="", id=message_id)
        self._watched[message_id] = _Watched(said, now, 0, now + SOON[0])
        _forget_oldest(self._watched, self._bounds.watched)
        return said

    def watch(self, said: Said, message_id: str, now: float) -> None:
        """An own message from elsewhere or from earlier: ask now and soon, and only if there is room."""
        if message_id not in self._watched and len(self._watched) < self._bounds.watched:
            self._watched[message_id] = _Watched(said, now, 0, now)

    def reached_nobody(self, message_id: str) -> None:
        """It has no recipients, so there is nothing to watch."""
        self._watched.pop(message_id, None)

    def failed(self, key: str, reason: str) -> Said | None:
        """It will not be stored; None when it is, or when nobody knows the key."""
        queued = self._queued.pop(key, None)
        if queued is None:
            return None
        self._failed[key] = said = replace(queued[0], mark=Mark.FAILED, reason=reason)
        _forget_oldest(self._failed, self._bounds.failed)
        return said

    def retry(self, now: float, *, everything: bool) -> list[Said]:
        """Queue what failed again: the last one, or all in their order."""
        keys = list(self._failed) if everything else list(self._failed)[-1:]
        again = [replace(self._failed.pop(key), mark=Mark.QUEUED, reason="") for key in keys]
        for said in again:
            self.queue(said, now)
        return again

    def receipts(self, found: Iterable[Delivered]) -> list[Said]:
        """The broker's answer; gives what is delivered now."""
        arrived = [each.id for each in found if _ARRIVED & set(each.states.values())]
        watched = [self._watched.pop(each) for each in arrived if each in self._watched]
        return [replace(each.said, mark=Mark.DELIVERED) for each in watched]

    # -- time -------------------------------------------------------------------------------------

    def linked(self, now: float, *, up: bool) -> None:
        """The connection is up, so all is asked for at once, or it is not."""
        if up and not self._up:
            for each in self._watched.values():
                each.due = now
        self._up = up

    def came_online(self, names: Collection[str], now: float) -> None:
        """These users will fetch what waits for them."""
        came = set(map(from_wire, names))
        for each in self._watched.values():
            if not came.isdisjoint(each.said.to):
                each.start, each.asked, each.due = now, 0, now + SOON[0]

    def tick(self, now: float) -> list[Sequence[str]]:
        """Time passed: the message ids to ask for, in portions that one question takes."""
        if not self._up:
            return []
        due = [message_id for message_id, each in self._watched.items() if each.due <= now]
        for message_id in due:
            each = self._watched[message_id]
            each.asked += 1
            soon = each.start + SOON[each.asked] if each.asked < len(SOON) else 0.0
            each.due = soon if soon > now else now + EVERY
        return [due[at : at + MAX_RECEIPT_IDS] for at in range(0, len(due), MAX_RECEIPT_IDS)]

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to ask, or None."""
        return min((each.due for each in self._watched.values()), default=None) if self._up else None


def _forget_oldest(records: dict[str, Any], most: int) -> None:
    while len(records) > most:
        del records[next(iter(records))]
