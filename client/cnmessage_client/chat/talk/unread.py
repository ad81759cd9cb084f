"""Machine: which messages wait to be shown, by conversation, and how far all before them were shown.

The broker's read mark covers everything below it, so it stops just below the lowest message that was not
shown in full; a conversation of which more was shown has a mark of its own. Seqs come in rising order; one
that does not rise means that the broker's database was restored and counts anew.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_protocol.conversation import Conversation


@dataclass(slots=True)
class _Waiting:
    """The latest seqs of one conversation, and how many more there were."""

    seqs: deque[int] = field(default_factory=deque)
    more: int = 0


class Unread:
    """What waits, and the read mark."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self._waiting: dict[Conversation, _Waiting] = {}
        self._forgotten: tuple[int, int] | None = None
        self._latest = 0
        self._marked = 0
        self._latest_in: dict[Conversation, int] = {}
        self._marked_in: dict[Conversation, int] = {}

    def counts(self) -> tuple[tuple[Conversation, int], ...]:
        """Conversations with waiting messages, the one that waits longest first."""
        return tuple(
            (conversation, len(each.seqs) + each.more) for conversation, each in self._waiting.items()
        )

    def seqs(self) -> set[int]:
        """All remembered seqs that wait."""
        return {seq for each in self._waiting.values() for seq in each.seqs}

    def came(self, seq: int, conversations: Sequence[Conversation] = ()) -> bool:
        """A message came, received in these conversations; whether seqs begin anew."""
        restored = seq <= self._latest
        if restored:
            for each in (self._waiting, self._latest_in, self._marked_in):
                each.clear()
            self._forgotten, self._marked = None, 0
        self._latest = seq
        for conversation in conversations:
            self._latest_in.pop(conversation, None)
            self._latest_in[conversation] = seq
            if len(self._latest_in) > self._bounds.peers:
                gone = next(iter(self._latest_in))
                del self._latest_in[gone]
                self._marked_in.pop(gone, None)
        return restored

    def hide(self, conversation: Conversation, seq: int) -> None:
        """The message that came was not shown in full."""
        waiting = self._waiting.setdefault(conversation, _Waiting())
        waiting.seqs.append(seq)
        if len(waiting.seqs) > self._bounds.seqs:
            self._forget(waiting.seqs.popleft())
            waiting.more += 1
        if len(self._waiting) > self._bounds.peers:
            for forgotten in self._waiting.pop(next(iter(self._waiting))).seqs:
                self._forget(forgotten)

    def show(self, seqs: Collection[int]) -> None:
        """These were shown in full, whatever their conversation."""
        for conversation, waiting in list(self._waiting.items()):
            waiting.seqs = deque(seq for seq in waiting.seqs if seq not in seqs)
            if not waiting.seqs and not waiting.more:
                del self._waiting[conversation]

    def entered(self, conversation: Conversation) -> None:
        """The conversation is open: what was forgotten counts no more; the mark stays below it."""
        waiting = self._waiting.get(conversation)
        if waiting is not None:
            waiting.more = 0
            self.show(())

    def marked(self, upto: int) -> None:
        """Everything up to `upto` was shown by other means, even what was forgotten here."""
        if self._forgotten is not None and self._forgotten[1] <= upto:
            self._forgotten = None
        for waiting in self._waiting.values():
            waiting.more = 0
        self.show(range(upto + 1))

    def mark(self) -> int | None:
        """The seq up to which all was shown, if that has risen since it was last asked for."""
        lowest = [each.seqs[0] for each in self._waiting.values() if each.seqs]
        if self._forgotten is not None:
            lowest.append(self._forgotten[0])
        mark = min(lowest) - 1 if lowest else self._latest
        if mark <= self._marked:
            return None
        self._marked = mark
        return mark

    def marks_in(self) -> list[tuple[Conversation, int]]:
        """Conversations in which nothing waits, and up to which seq they were shown, where that has risen and
        is more than was shown of all.
        """
        if self._forgotten is not None:
            return []
        fresh: list[tuple[Conversation, int]] = []
        for conversation, latest in self._latest_in.items():
            known = max(self._marked, self._marked_in.get(conversation, 0))
            if conversation not in self._waiting and latest > known:
                self._marked_in[conversation] = latest
                fresh.append((conversation, latest))
        return fresh

    def _forget(self, seq: int) -> None:
        lowest, highest = self._forgotten or (seq, seq)
        self._forgotten = min(lowest, seq), max(highest, seq)
