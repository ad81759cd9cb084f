"""What has had its time, and uploads that nobody goes on with: they end, but not on the clock's word alone.

A wall clock may jump. Past due by it, a file is nobody's to fetch at once, but its bytes stay for a grace
of the broker's own running time, by the monotonic clock and kept in the store: as long as the file was to
last, at most `expiry_grace`. So what ends has either truly lived its time or had that grace, and what is in
time again before, because the clock was put right, is there again.
"""

from collections.abc import Sequence

from cnmessage_broker.between import Gone, Release
from cnmessage_broker.loop.context import Deps
from cnmessage_broker.loop.effects import Effect, Tell
from cnmessage_broker.loop.handlers.files import has_expired
from cnmessage_broker.loop.handlers.offers import concerned, ended
from cnmessage_broker.loop.waits import OnWriter
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Clock, FileRow, FileStatus, StoreError

AGING = 60
"""Seconds of running time that are written down at once, and that a crash may forget."""

_ENDED = 100
_NOTED = 200
"""Most files that end in one sweep, and that are found to be past due."""


async def sweep(deps: Deps) -> list[Effect]:
    """Note what is past due, which stops its transfers and is told, and end that whose grace is over."""
    config, now = deps.config, deps.now_ms()
    clock = Clock(now, now - config.upload_expiry * 1000)
    elapsed = int(deps.monotonic() - deps.aged_at)

    def look(store: Store) -> tuple[Sequence[FileRow], bool]:
        """What is past due since the last look, and whether the time since then was written down."""
        fresh = store.files.newly_overdue(clock, _NOTED)
        if not fresh and elapsed < min(AGING, config.expiry_grace):
            return (), False
        graces = {row.id: min(config.expiry_grace, _lasts(row, config.upload_expiry)) for row in fresh}
        store.files.age(clock, elapsed, config.expiry_grace, graces)
        return fresh, True

    def end(store: Store) -> tuple[Sequence[FileRow], Sequence[bytes]]:
        """What has ended, and the contents that nobody needs any more."""
        due = store.files.due(clock, _ENDED)
        return due, store.files.expire([row.id for row in due]) if due else ()

    fresh, aged = await OnWriter(look)
    if aged:
        deps.aged_at += elapsed
    past_due = [row for row in fresh if row.status is FileStatus.STORED]
    told = await concerned(past_due, deps)
    try:
        due, unused = await OnWriter(end)
    except StoreError as error:
        if error.fatal:
            raise
        due, unused = (), ()  # the next look ends them; what is past due now is noted only once
    gone: list[Effect] = [Tell(Gone(row.id, has_expired(row))) for row in (*past_due, *due)]
    released = [Tell(Release(digest)) for digest in unused]
    return [*gone, *released, *ended(told, "expired", deps)]


def _lasts(row: FileRow, upload_expiry: int) -> int:
    """Seconds it was to last: past due for longer, its time is over whatever the clock said."""
    if row.status is FileStatus.UPLOADING or row.expires is None:
        return upload_expiry
    return (row.expires - row.created) // 1000
