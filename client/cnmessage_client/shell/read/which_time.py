"""The span of time that --since and --until name, by the clock that dates messages: the broker's.

Knows no command.
"""

from datetime import datetime

from cnmessage_client.client import Client
from cnmessage_client.model import from_millis
from cnmessage_client.shell.read.times import When
from cnmessage_client.shell.settings import usage


async def span_of(
    client: Client, since: When | None, until: When | None
) -> tuple[datetime | None, datetime | None]:
    """Both moments. The broker is asked for its clock only where a time is told from now.

    A usage error where nothing can lie between them.
    """
    relative = any(each is not None and each.relative for each in (since, until))
    time = (await client.whoami()).time if relative else None
    now = None if time is None else from_millis(time)
    begin, end = (None if each is None else each.at(now) for each in (since, until))
    if begin is not None and end is not None and begin >= end:
        raise usage("--until is not later than --since: nothing lies between them")
    return begin, end
