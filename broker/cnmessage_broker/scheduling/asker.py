"""Where an answer goes: to a connection that asked, or to the file thread under its ticket."""

from dataclasses import dataclass

from cnmessage_broker.net.link import Link


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an answer goes: to this connection and no other, whatever routing id others choose meanwhile."""

    link: Link
    request_id: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """An answer that goes to the file thread."""

    number: int
