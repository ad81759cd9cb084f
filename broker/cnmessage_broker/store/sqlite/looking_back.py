"""Which items of an inbox a query wants, the latest first, without looking at all of them.

Above the last full section each item is looked at. Below, a conversation has its items in order, and a
section of which no item can match is left out. Reads no texts and nothing of what is chosen.
"""

from collections.abc import Iterator
from typing import Any, assert_never

from cnmessage_broker.store.directory import HeldDirectory
from cnmessage_broker.store.ports.records import AccountId, Owner, Place, Query
from cnmessage_broker.store.sqlite.sections import EVERYONE, Sections
from cnmessage_broker.store.sqlite.statements import Statements
from cnmessage_protocol.conversation import Conversation, Direct, Everyone, to_wire

NOBODY = -1

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
        full = sections.full(head)
        upto = head if query.upto is None else min(query.upto, head)
        wanted = {
            "owner": owner,
            "above": max(query.above, full),
            "upto": upto,
            "peer": self._peer(query),
            "name": query.conversation.name if isinstance(query.conversation, Direct) else None,
            "received_only": query.received_only,
            "direct_only": query.direct_only,
            "unread_only": query.unread_only,
            "since": query.since,
            "until": query.until,
        }
        if wanted["peer"] == NOBODY:
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

    def conversations(
        self, owner: Owner, head: int, behind: Place | None, limit: int
    ) -> list[tuple[AccountId, int]]:
        """With whom the owner talks, and the last seq of each, behind this place; the latest first."""
        before, beside = behind or (None, None)
        wanted = {
            "owner": owner,
            "full": Sections(owner, self._section).full(head),
            "before": before,
            "beside": beside,
            "everyone": to_wire(Everyone()),
            "limit": limit,
        }
        return [(peer, seq) for peer, seq in self._statements.run("conversations", wanted)]

    def received_in(self, owner: Owner, peer: AccountId, above: int, head: int) -> int:
        """How many items of a conversation were received above this seq."""
        return received_in(self._statements, Sections(owner, self._section), peer, above, head, head)

    def mark(self, owner: Owner, peer: AccountId) -> int:
        """How far the owner has read a conversation, as far as it has a mark of its own."""
        return sum([read for (read,) in self._statements.run("conversation_mark", (owner, peer))])

    def read_in(self, owner: Owner, conversation: Conversation) -> int:
        """The same of a conversation by name."""
        return self.mark(owner, peer_of(conversation, self._directory))

    def _peer(self, query: Query) -> AccountId | None:
        """Whose conversation is wanted; None when it is any."""
        if query.conversation is None:
            return None
        nothing = query.direct_only and query.conversation == Everyone()
        return NOBODY if nothing else peer_of(query.conversation, self._directory)

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


def received_in(
    statements: Statements, sections: Sections, peer: AccountId, above: int, upto: int, head: int
) -> int:
    """How many items received in a conversation have above < seq ≤ upto; the inbox ends at `head`."""
    bounds = {
        "owner": sections.owner,
        "peer": peer,
        "above": above,
        "upto": upto,
        "full": sections.full(head),
    }
    ((count,),) = statements.run("received_in", bounds)
    return int(count)


def peer_of(conversation: Conversation, directory: HeldDirectory) -> AccountId:
    """Whom a conversation is with, as rows have it; NOBODY for who is no user."""
    match conversation:
        case Everyone():
            return EVERYONE
        case Direct(name):
            account = directory.account_by_name(name)
            return NOBODY if account is None else account.id
        case _ as never:
            assert_never(never)
