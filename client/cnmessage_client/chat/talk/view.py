"""Machine: what stands in one view, oldest first: bounded, no message twice, days told apart.

What comes live stands at the end. Earlier messages are merged in by seq, with day rules drawn anew; a mark
changes in place. Knows no terminal and not which view is open.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from itertools import accumulate

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.entries import Entry, Note, Preview, Rule, Said
from cnmessage_protocol.conversation import Conversation

NEW = Rule("new")
FOLD_WITHIN = 12
"""Entries from the end among which a line about another conversation is brought up to date in its place.
Other such lines do not count: however many others write at once, each conversation has one.
"""

BEGINNING = Note("this is the beginning; nothing is older")


class View:
    """One conversation, or home. `zone` is the time zone of day rules, the machine's own when None."""

    def __init__(self, zone: tzinfo | None = None, bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self.entries: list[Entry] = []
        self.draft = ""
        self.begun = False
        """Whether nothing older than what was loaded exists."""
        self.lowest: int | None = None
        """The seq down to which earlier messages were loaded, below which loading goes on; None for none."""
        self._zone = zone
        self._keys: set[str] = set()
        self._previewed: set[str] = set()
        self._folds: dict[Conversation, Preview] = {}
        self._top = 0
        self._last: Said | None = None
        self._text = 0

    @property
    def full(self) -> bool:
        """Whether earlier messages would be dropped at once."""
        return len(self.entries) >= self._bounds.entries or self._text >= self._bounds.text

    def seqs(self) -> set[int]:
        """The seqs of all messages that stand here in full."""
        return {each.seq for each in self.entries if isinstance(each, Said) and each.seq is not None}

    def holds(self, key: str) -> bool:
        """Whether this message stands here in full."""
        return key in self._keys

    # -- changes ----------------------------------------------------------------------------------

    def add(self, entry: Entry) -> Sequence[Entry]:
        """Put an entry at the end; gives what was added: it, nothing for a message that is here, a day."""
        added: list[Entry] = [entry]
        if isinstance(entry, Said):
            if entry.key in self._keys:
                return []
            if self._last is not None and self._day(self._last.time) != self._day(entry.time):
                added.insert(0, Rule(self._day(entry.time)))
            self._note(entry)
            self._last = entry
        elif isinstance(entry, Preview):
            self._previewed.add(entry.said.key)
        self.entries += added
        self._text += sum(map(_length, added))
        self._trim()
        return added

    def tell(self, said: Said, conversation: Conversation | None) -> Preview:
        """Tell of a message of another conversation, in the line that did so last if that is near the end."""
        before = None if conversation is None else self._folds.get(conversation)
        place = None if before is None else self._near_end(before)
        if before is None or place is None:
            preview = Preview(said, 1 if before is None else before.count + 1, said.key)
            self.add(preview)
        else:
            preview = Preview(said, before.count + 1, before.first)
            self.entries[place] = preview
            self._previewed.discard(before.said.key)
            self._previewed.add(said.key)
            self._text += _length(preview) - _length(before)
        if conversation is not None:
            self._folds[conversation] = preview
        return preview

    def seen(self, conversation: Conversation) -> None:
        """What comes of this conversation from now on is told in a line of its own."""
        self._folds.pop(conversation, None)

    def comes_late(self, said: Said) -> bool:
        """Whether messages above this one were loaded already, so that it must be merged."""
        return said.seq is not None and said.seq < self._top

    def merge(self, messages: Iterable[Said]) -> list[Said]:
        """Put messages, in rising seq, where they belong; gives those that were not here before."""
        fresh = [each for each in messages if each.key not in self._keys]
        if not fresh:
            return []
        kept = [each for each in self.entries if each is not BEGINNING]
        kept = [each for each in kept if not isinstance(each, Rule) or each == NEW]
        for said in fresh:
            kept.insert(_place_by_seq(kept, said.seq or 0), said)
            self._note(said)
        self._refill(kept)
        return [each for each in fresh if each.key in self._keys]

    def loaded(self, messages: Sequence[Said]) -> None:
        """These, of which some may be here already, are the ones just before those that were loaded."""
        self.begun = self.begun or len(messages) < self._bounds.page
        if messages:
            self.lowest = messages[0].seq

    def end_above(self) -> Entry:
        """Say at the top that nothing is older; gives the entry that says so."""
        if not (self.entries and self.entries[0] is BEGINNING) and not self.full:
            self.entries.insert(0, BEGINNING)
            self._text += len(BEGINNING.text)
        return BEGINNING

    def replace(self, said: Said) -> Entry | None:
        """Give a message its new mark or file; the entry as it stands now, or None when it is not here."""
        place = self._place(said.key)
        if place is None:
            return None
        before = self.entries[place]
        entry: Said | Preview = said
        if isinstance(before, Preview):
            entry = replace(before, said=said)
            self._folds.update({each: entry for each, told in self._folds.items() if told is before})
        self.entries[place] = entry
        if self._last is not None and self._last.key == said.key:
            self._last = said
        return entry

    def rule_off(self, seqs: Collection[int]) -> None:
        """Draw the `new` rule above the first of these messages, and nowhere else."""
        self.entries = [each for each in self.entries if each != NEW]
        for place, each in enumerate(self.entries):
            if isinstance(each, Said) and each.seq in seqs:
                self.entries.insert(place, NEW)
                self._trim()
                return

    def clear(self) -> None:
        """Forget everything but the draft."""
        self.entries, self.begun, self.lowest = [], False, None
        self._keys.clear()
        self._previewed.clear()
        self._folds.clear()
        self._top, self._last, self._text = 0, None, 0

    def renumbered(self) -> None:
        """The broker's database is another one: seqs begin anew somewhere below."""
        self._top = 0

    # -- inner ------------------------------------------------------------------------------------

    def _day(self, time: datetime) -> str:
        return f"{time.astimezone(self._zone):%Y-%m-%d}"

    def _note(self, said: Said) -> None:
        self._keys.add(said.key)
        self._top = max(self._top, said.seq or 0)

    def _near_end(self, preview: Preview) -> int | None:
        left = FOLD_WITHIN
        for place in range(len(self.entries) - 1, -1, -1):
            each = self.entries[place]
            if each is preview:
                return place
            left -= not isinstance(each, Preview)
            if not left:
                return None
        return None

    def _place(self, key: str) -> int | None:
        if key not in self._keys and key not in self._previewed:
            return None
        for place in range(len(self.entries) - 1, -1, -1):  # own lines with news stand near the end
            each = self.entries[place]
            if isinstance(each, Said | Preview) and _said(each).key == key:
                return place
        return None

    def _refill(self, entries: Iterable[Entry]) -> None:
        """Begin anew with these entries and rules between their days."""
        self.entries, self._last = [], None
        for each in entries:
            if isinstance(each, Said):
                if self._last is not None and self._day(self._last.time) != self._day(each.time):
                    # The `new` rule stands directly above its message.
                    place = len(self.entries) - (self.entries[-1] == NEW)
                    self.entries.insert(place, Rule(self._day(each.time)))
                self._last = each
            self.entries.append(each)
        self._text = sum(map(_length, self.entries))
        self._trim()

    def _trim(self) -> None:
        """Drop the oldest entries beyond what a view holds, but never the last."""
        excess = max(len(self.entries) - self._bounds.entries, 0)
        most = self._bounds.text
        if self._text > most:
            lengths = accumulate(map(_length, self.entries))
            excess = max(
                excess,
                next(at for at, total in enumerate(lengths, 1) if self._text - total <= most),
            )
        excess = min(excess, len(self.entries) - 1)
        for each in self.entries[:excess]:
            self._text -= _length(each)
            if isinstance(each, Said):
                self._keys.discard(each.key)
                self.begun = False
            elif isinstance(each, Preview):
                self._previewed.discard(each.said.key)
        del self.entries[:excess]
        if excess > 0 and self.lowest is not None:
            self.lowest = max(self.lowest, min(self.seqs(), default=self.lowest))


def _place_by_seq(entries: Sequence[Entry], seq: int) -> int:
    """Behind the last message with a lower seq; the top when there is none."""
    for place in range(len(entries), 0, -1):
        each = entries[place - 1]
        if isinstance(each, Said) and each.seq is not None and each.seq < seq:
            return place
    return 0


def _said(entry: Said | Preview) -> Said:
    return entry.said if isinstance(entry, Preview) else entry


def _length(entry: Entry) -> int:
    match entry:
        case Said():
            return len(entry.body)
        case Preview(said):
            return len(said.body)
        case Rule():
            return 0
        case _:
            return len(entry.text)
