"""Who hears, beside the one who asked, what became of a file that was offered.

A doorbell: it may be lost, and what `files` lists is the truth. Whoever was withheld from hears nothing.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal

from cnmessage_broker.loop.context import Deps
from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.loop.waits import OnReader
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import AccountId, FileRow, StoreError
from cnmessage_protocol.deliveries import OfferState

MOST_TOLD = 1000
"""Most listeners that are told at once: the loop has others to serve, and who is not told asks by itself."""

Fate = Literal["withdrawn", "expired", "declined", "offered"]


Concerned = Sequence[tuple[FileRow, Sequence[AccountId]]]
"""Files, each with those online whom it was offered to."""


async def concerned(rows: Sequence[FileRow], deps: Deps) -> Concerned:
    """Who has to hear that these files are no more: to be asked before they are ended, for after that nothing
    may be waited for. Nobody, when the disk cannot tell.
    """
    try:
        return await _concerned(rows, deps) if rows else ()
    except StoreError as error:
        if error.fatal:
            raise
        return ()


async def _concerned(rows: Sequence[FileRow], deps: Deps) -> Concerned:

    def addressed(reader: Reader) -> list[list[AccountId]]:
        return [[each.account for each in reader.files.fetches(row.id)] for row in rows]

    wanted = [
        (row, [each for each in accounts if each != row.owner and deps.listeners.online(each)])
        for row, accounts in zip(rows, await OnReader(addressed), strict=True)
    ]

    def allowed(reader: Reader) -> list[tuple[FileRow, list[AccountId]]]:
        may = reader.files.may_fetch
        return [(row, [each for each in accounts if may(row.id, each)]) for row, accounts in wanted]

    return await OnReader(allowed)


def ended(files: Concerned, fate: Fate, deps: Deps) -> list[Push]:
    """Tell them, and who offered the files, that they are no more."""
    told = (
        push for row, accounts in files for push in moved(row, (row.owner, *accounts), fate, deps.listeners)
    )
    return list(islice(told, MOST_TOLD))


def moved(row: FileRow, accounts: Iterable[AccountId], fate: Fate, listeners: Listeners) -> Iterable[Push]:
    """Tell these that the file can be had no more, or again."""
    values = {"file": row.id, "name": row.name, "user": row.owner_name, "state": fate}
    for account in accounts:
        for each in listeners.of(account):
            if each.granted:
                yield Push(each, OfferState.KIND, values)
