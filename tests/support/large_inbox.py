"""Messages that are put into the store of a broker that does not run: many of them within a second."""

import os
from pathlib import Path

from cnmessage_broker.app import DATABASE
from cnmessage_broker.store.ports.records import Group, Submission
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Kind

BEGAN = 1_700_000_000_000
_TOGETHER = 1000


def body_of(number: int) -> str:
    """The text of a message, about as long as people's are."""
    return f"message {number} " + "with some more to say " * (number % 9)


def fill(data: Path, names: tuple[str, ...], count: int) -> None:
    """So many messages more among these users of a broker's data: each writes to the next, in turn."""
    store = SqliteStore(data / DATABASE, os.urandom)
    users = []
    for name in names:
        account = store.account_by_name(name)
        assert account is not None, name
        users.append(account)
    for first in range(0, count, _TOGETHER):
        group = []
        for number in range(first, min(first + _TOGETHER, count)):
            sender, to = users[number % len(users)], users[(number + 1) % len(users)]
            identity = MessageId((BEGAN + number << 80 | 0x7 << 76 | 0x2 << 62 | number).to_bytes(16, "big"))
            submission = Submission(
                identity,
                ClientId(identity),
                sender.id,
                sender.name,
                (to.id,),
                (UserName(to.name),),
                Kind.DIRECT,
                body_of(number),
                BEGAN + number,
            )
            group.append(submission)
        store.commit(Group(group))
    store.close()
