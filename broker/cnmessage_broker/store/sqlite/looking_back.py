"""Which items of an inbox a query wants, the latest first, without looking at all of them.

Above the last full section each item is looked at. Below, a conversation has its items in order, and a
section of which no item can match is left out. Reads no texts and nothing of what is chosen.
"""

from collections.abc import Iterator
from typing import Any

from cnmessage_broker.store.directory import HeldDirectory
from cnmessage_broker.store.ports.records import Owner, Query
from cnmessage_broker.store.sqlite.sections import EVERYONE, Sections
from cnmessage_broker.store.sqlite.statements import Statements
from cnmessage_protocol.conversation import Direct, Everyone

_NOBODY = -1

_TOGETHER = 64
"""Most sections of which the items are looked through at a time."""


class LookingBack:
    """Searches the inboxes of one connection; `section` is how many items a section has."""

    def __init__(self, statements: Statements, directory: HeldDirectory, section: int) -> None:
        self._statements = statements
        self._directory = directory
        self._section = section

    def matches(self, owner: Owner, query: Query, head: int) -> Iterator[int]:
        """The seqs that match, falling; `head` is the last seq of the inbox."""
        sections = Sections(owner, self._section)
        full = sections.first(sections.of(head + 1)) - 1
        upto = head if query.upto is None else min(query.upto, head)
        wanted = {
            "owner": owner,
            "above": max(query.above, full),
            "upto": upto,
            "peer": self._peer(query),
            "name": query.conversation.name if isinstance(query.conversation, Direct) else None,
            "received_only": query.received_only,
            "direct_only": query.direct_only,
            "since": query.since,
            "until": query.until,
        }
        if wanted["peer"] == _NOBODY:
            return
        for (seq,) in self._statements.each("look_back", wanted):
            yield seq
        upto = min(upto, full)
        if upto <= query.above:
            return
        wanted |= {
            "above": query.above,
            "upto": upto,
            "first": sections.of(query.above + 1),
            "last": sections.of(upto),
        }
        if wanted["peer"] is None:
            wanted |= {"size": sections.size, "phase": sections.phase}
            for (seq,) in self._statements.each("sections_back", wanted):
                yield seq
        elif query.since is None and query.until is None:
            for (seq,) in self._statements.each("conversation_back", wanted):
                yield seq
        else:
            yield from self._in_time(sections, wanted)

    def _in_time(self, sections: Sections, wanted: dict[str, Any]) -> Iterator[int]:
        """Leaps from the latest item of the conversation to the latest section that may match, and back.

        Where there is little in each section, several are looked through at a time.
        """
        together = 1
        while True:
            ((latest,),) = self._statements.run("latest_in_conversation", wanted)
            if not latest:
                return
            wanted["last"] = sections.of(latest)
            found = self._statements.run("section_in_time", wanted)
            if not found:
                return
            ((number,),) = found
            above = max(wanted["above"], sections.first(number - together + 1) - 1)
            here = wanted | {"above": above, "upto": min(latest, sections.last(number))}
            for (seq,) in self._statements.each("conversation_in_section", here):
                yield seq
            wanted["upto"] = above
            together = min(2 * together, _TOGETHER)

    def _peer(self, query: Query) -> int | None:
        """Whose conversation is wanted; None when it is any."""
        match query.conversation:
            case None:
                return None
            case Everyone():
                return _NOBODY if query.direct_only else EVERYONE
            case Direct(name):
                account = self._directory.account_by_name(name)
                return _NOBODY if account is None else account.id
