"""What is collected for one group on its way to the disk, and whom it will answer afterwards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cnmessage_broker.loop.effects import Confirm, Submit
from cnmessage_broker.store.ports.records import Conflict, Group, Outcome, Owner
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.results import Sent

Asker = TypeVar("Asker")
Key = TypeVar("Key")


BYTES_OF_ROW = 2500
"""Bytes of a body that take as long to write as an inbox row does."""


@dataclass(slots=True)
class Pending(Generic[Asker]):
    """A group on its way to the disk, and the requests that wait for it, in order.

    `rows`: inbox rows, and what of the bodies takes as long to write. Each of `waiting` is called once it is
    decided.
    """

    group: Group = field(default_factory=Group)
    answers: list[tuple[Asker, Submit | Confirm]] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)
    rows: int = 0
    urgent: bool = False
    """Whether somebody looks at it: a message, or a request that goes on after it."""
    senders: set[Owner] = field(default_factory=set)
    """Whose messages are in it."""

    def __bool__(self) -> bool:
        return bool(self.answers or self.group)

    def add(self, asker: Asker, effect: Submit, rows: int) -> None:
        """Messages to store, and who waits for it; `rows` is what they write or push."""
        self.group.submissions += effect.submissions
        self.answers.append((asker, effect))
        self.rows += rows
        self.urgent = True
        self.senders.update([each.sender for each in effect.submissions])

    def touches(self, owner: Owner, *, presence: bool = False) -> bool:
        """Whether a message that this owner sent waits to be written, what they have read, or, if that
        matters, that they came or went.
        """
        return (
            owner in self.senders
            or owner in self.group.read
            or any(each == owner for each, _ in self.group.read_in)
            or (presence and any(each == owner for each, _, _ in self.group.presence))
        )


def merged(first: Group, then: Group) -> Group:
    """What two groups without messages come to, one after the other."""
    return Group(
        [],
        _higher(first.read, then.read),
        _higher(first.received, then.received),
        [*first.presence, *then.presence],
        {**first.seen, **then.seen},
        _higher(first.read_in, then.read_in),
    )


def _higher(first: Mapping[Key, int], then: Mapping[Key, int]) -> dict[Key, int]:
    """All marks of both, the higher one where both have one."""
    return {**first, **{key: max(upto, first.get(key, 0)) for key, upto in then.items()}}


def sent(submit: Submit, outcomes: Sequence[Outcome]) -> Sent:
    """The answer to a SEND whose submissions have these outcomes."""
    acks: list[tuple[bytes, bytes, int, int]] = []
    refused = [(client_id, str(code), text) for client_id, code, text in submit.refused]
    for new, outcome in zip(submit.submissions, outcomes, strict=True):
        if isinstance(outcome, Conflict):
            text = "this client id stands for another message already"
            refused.append((new.client_id, str(ErrorCode.CONFLICT), text))
        else:
            acks.append((new.client_id, outcome.id, outcome.seq, len(outcome.places)))
    return Sent(tuple(acks), tuple(refused))
