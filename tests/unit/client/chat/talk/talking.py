"""A talk to test, and what it is told: messages, receipts, errors, time."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cnmessage_client.chat.talk.effects import Effect, SendMessage, Show
from cnmessage_client.chat.talk.entries import Entry, Mark, Note, Preview, Rule, Said, Trouble
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.cli.main import cli
from cnmessage_client.model import Message, Receipt
from cnmessage_protocol.conversation import to_wire
from cnmessage_protocol.machines.states import State
from tests.support.conversations import BOB

COMMANDS = cli.facts
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Wanted = TypeVar("Wanted")


def new_talk(user: str | None = "alice", *, live: bool = True, **options: Any) -> Talk:
    """A talk at home, connected since long, with keys key-1, key-2 …"""
    keys = _keys()
    talk = Talk(
        user, commands=COMMANDS, new_key=lambda: next(keys), could_be=cli.could_be, zone=UTC, **options
    )
    if live:
        talk.moved(State.LIVE, 0.0, -1000.0)
    return talk


def with_bob(*, can_ask: bool = True) -> Talk:
    """In the conversation with bob."""
    talk = new_talk(can_ask=can_ask)
    type_in(talk, "to bob")
    return talk


def at_bob(*earlier: Message, **options: Any) -> Talk:
    """In the conversation with bob, whose earlier messages are loaded."""
    talk = new_talk(**options)
    type_in(talk, "to bob")
    talk.earlier(BOB, earlier, 0.0)
    return talk


def unread(talk: Talk) -> dict[str, int]:
    """How many messages wait, by conversation."""
    return {to_wire(conversation): count for conversation, count in talk.status(0.0).unread}


def busy(talk: Talk) -> bool:
    """Whether something of ours is not stored yet, however short its time was."""
    return talk.status(1e9).queued > 0


def _keys() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"key-{number}"


def received(seq: int, sender: str = "bob", body: str = "", **fields: Any) -> Message:
    """What somebody wrote to alice."""
    values: dict[str, Any] = {
        "id": f"id-{seq}",
        "kind": "direct",
        "to": ("alice",),
        "time": NOON + timedelta(seconds=seq),
        "received": True,
        "client_id": None,
    }
    return Message(seq=seq, sender=sender, body=body or f"text {seq}", **{**values, **fields})


def own(seq: int, key: str, *to: str, **fields: Any) -> Message:
    """The own copy of what alice wrote under this key."""
    return received(seq, "alice", client_id=key, received=False, to=to or ("bob",), **fields)


def broadcast(seq: int, sender: str = "bob") -> Message:
    """What somebody wrote to everyone."""
    return received(seq, sender, kind="broadcast", to=("all",))


def receipt(key: str, seq: int, recipients: int = 1) -> Receipt:
    """The broker has the message `key`."""
    return Receipt(f"id-{seq}", key, seq, recipients)


def type_in(talk: Talk, *lines: str, now: float = 0.0) -> list[Effect]:
    """Type lines; gives the effects of the last."""
    effects: list[Effect] = []
    for line in lines:
        effects = talk.typed(line, now, NOON)
    return effects


def some(effects: Iterable[Effect], kind: type[Wanted]) -> list[Wanted]:
    """The effects of one kind."""
    return [each for each in effects if isinstance(each, kind)]


def shown(effects: Iterable[Effect]) -> list[Entry]:
    """The entries that the screen is told of."""
    return [each.entry for each in some(effects, Show)]


def sent(effects: Iterable[Effect]) -> list[tuple[tuple[str, ...], str]]:
    """To whom what goes."""
    return [(tuple(map(to_wire, each.to)), each.body) for each in some(effects, SendMessage)]


def lines(entries: Iterable[Entry]) -> list[str]:
    """Entries as short texts."""
    return [_line(each) for each in entries]


def _line(entry: Entry) -> str:
    match entry:
        case Said(mark=None):
            return f"{entry.sender}: {entry.body}"
        case Said(mark=Mark() as mark):
            return f"{entry.sender}: {entry.body} {mark.value}"
        case Preview(said):
            return f"({_line(said)})"
        case Rule(label):
            return f"--{label}--"
        case Note(text):
            return f"* {text}"
        case Trouble(text):
            return f"! {text}"
        case _:
            return getattr(entry, "text", "")
