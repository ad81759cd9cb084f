"""Rows as a peer writes them, unchecked: what a test gives stands in its place, the rest is as it should.

The order of the places is that of the protocol's records, and stands nowhere else.
"""

import os
from collections.abc import Mapping
from typing import Any

from cnmessage_protocol.ids import ClientId, uuid7
from cnmessage_protocol.records import InboxItem, NewMessage


def message_row(
    to: Any, body: Any, client_id: Any = None, extras: Mapping[str, Any] | None = None
) -> list[Any]:
    """A row of `send`, under an id of its own unless one is given."""
    fresh = uuid7(1, os.urandom(10)) if client_id is None else client_id
    return list(NewMessage(ClientId(fresh), to, body, {} if extras is None else extras))


def item_row(seq: Any, body: Any = "hello", **places: Any) -> list[Any]:
    """An inbox row: a direct message of `bob` to `alice`, but for the `places` that are given by name."""
    values: dict[str, Any] = {
        "direction": 0,
        "id": seq.to_bytes(16, "big", signed=seq < 0),
        "kind": 0,
        "sender": "bob",
        "to": ["alice"],
        "time": 0,
        "client_id": None,
        "file": None,
        "extras": {},
    }
    return list(InboxItem(**{**values, "seq": seq, "body": body, **places}))
