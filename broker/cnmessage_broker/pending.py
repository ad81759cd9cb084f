"""What one turn of the reactor collects for its commit, and whom it will answer afterwards."""

from dataclasses import dataclass, field

from cnmessage_broker.effects import Confirm, Submit
from cnmessage_broker.ports import Conflict, Group, Outcome
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.results import Sent


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an answer goes. The routing id never leaves the reactor."""

    routing_id: bytes
    request_id: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """An answer that goes to the file thread."""

    number: int


@dataclass(slots=True)
class Pending:
    """A group on its way to the disk, and the requests that wait for it, in order."""

    group: Group = field(default_factory=Group)
    answers: list[tuple[Origin | Ticket, Submit | Confirm]] = field(default_factory=list)


def sent(submit: Submit, outcomes: list[Outcome]) -> Sent:
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
