"""What the client hands to applications: plain frozen records with text ids and real times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cnmessage_protocol.ids import id_text
from cnmessage_protocol.records import Direction, InboxItem, Kind

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)
_KIND_NAMES = {kind: kind.name.lower() for kind in Kind}


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the inbox. `kind` is direct, broadcast or file; `received` is False for own copies."""

    id: str
    seq: int
    kind: str
    sender: str
    to: tuple[str, ...]
    time: datetime
    body: str
    received: bool
    client_id: str | None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it everywhere."""
        return {
            "id": self.id,
            "seq": self.seq,
            "kind": self.kind,
            "from": self.sender,
            "to": list(self.to),
            "time": json_time(self.time),
            "body": self.body,
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message is on the broker's disk. `seq` is that of the sender's own copy."""

    id: str
    client_id: str
    seq: int
    recipients: int


@dataclass(frozen=True, slots=True)
class User:
    """One account. `last_seen` is None for a user who never was online."""

    name: str
    online: bool
    last_seen: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        seen = None if self.last_seen is None else json_time(self.last_seen)
        return {"name": self.name, "online": self.online, "last_seen": seen}


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One device that is logged in to this account."""

    id: int
    label: str
    created: datetime
    last_seen: datetime
    online: bool
    current: bool

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        return {
            "id": self.id,
            "label": self.label,
            "created": json_time(self.created),
            "last_seen": json_time(self.last_seen),
            "online": self.online,
            "current": self.current,
        }


@dataclass(frozen=True, slots=True)
class Delivered:
    """How far one message has come: recipient to stored, delivered or read."""

    id: str
    states: Mapping[str, str]


def message_of(item: InboxItem) -> Message:
    """The application's view of an inbox item."""
    return Message(
        id_text(item.id),
        item.seq,
        _KIND_NAMES[item.kind],
        item.sender,
        item.to,
        from_millis(item.time),
        item.body,
        item.direction is Direction.RECEIVED,
        None if item.client_id is None else id_text(item.client_id),
    )


def from_millis(milliseconds: int) -> datetime:
    """A UTC time from milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_millis(time: datetime) -> int:
    """Milliseconds since 1970; a time without a zone is taken as local."""
    return (time.astimezone(UTC) - _EPOCH) // _MILLISECOND


def json_time(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
