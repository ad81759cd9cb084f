"""Telling senders that what a person has seen has arrived: their marks become ✓✓.

What was received is one mark over the whole inbox, as what was read is: it can be moved only over what was
shown, without a hole. Knows no command.
"""

from collections.abc import Callable, Collection
from contextlib import suppress

from cnmessage_client.client import Client
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.errors import CnMessageError

_MOST = 1000
"""Unread messages that are looked at; with more, few of them were shown."""


async def tell_received(client: Client, seen: Callable[[Message | Unknown], bool]) -> None:
    """Count the oldest unread messages as received, up to the first that was not `seen`.

    A courtesy: a broker that does not take it now is told another time, and nothing fails.
    """
    with suppress(CnMessageError):
        me = await client.whoami()
        if not 0 < me.unread <= _MOST:
            return
        found = await client.entries(_MOST + 1, unread=True)
        if len(found) > _MOST:  # since they were counted: what is below the list was not looked at
            return
        upto = 0
        for entry in found:
            if not seen(entry):
                break
            upto = entry.seq
        if upto:
            await client.mark_received(upto)


async def tell_fetched(client: Client, files: Collection[str]) -> None:
    """Count as received, in the same way, the messages that offered these files, by their ids."""
    if files:
        await tell_received(client, lambda entry: _file_of(entry) in files)


def _file_of(entry: Message | Unknown) -> str | None:
    return entry.file.id if isinstance(entry, Message) and entry.file is not None else None
