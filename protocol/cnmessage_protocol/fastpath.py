"""The two frames whose rows travel by the thousand, decoded and checked at once: a SEND, a delivery of items.

This takes a frame of the usual form, or declines: with None, and then the codec and the checks of each field
read it once more, and say what is wrong, if anything is. What is taken here they take too, with the same
value (docs/adr/0017). Every array is bounded before anything is made of it, and nothing of any depth is
decoded. Must know no word of an error.
"""

from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, MsgspecError
from msgspec.msgpack import Decoder

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS
from cnmessage_protocol.conversation import Conversation, from_wire
from cnmessage_protocol.deliveries import PUSH_ITEMS, Items
from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.ids import ID_SIZE, NAME_PATTERN, ClientId
from cnmessage_protocol.records import (
    MAX_BODY,
    MAX_RECIPIENTS,
    Direction,
    InboxItem,
    Kind,
    NewMessage,
    recipients,
)
from cnmessage_protocol.requests import MAX_NAMES, Send
from cnmessage_protocol.results import MAX_MESSAGES
from cnmessage_protocol.schema import LARGEST, LATEST, UINT63

_USUAL_BODY = MAX_BODY // 4
"""Characters that are no more bytes than a body may have, whatever they are."""

_Id = Annotated[bytes, Meta(min_length=ID_SIZE, max_length=ID_SIZE)]
_To = Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_RECIPIENTS)]
_NoExtras = Annotated[dict[str, None], Meta(max_length=0)]
_NewRow = tuple[_Id, _To, Annotated[str, Meta(min_length=1, max_length=_USUAL_BODY)], _NoExtras]
_ItemRow = tuple[
    Annotated[int, Meta(ge=1, le=LARGEST)],
    Direction,
    _Id,
    Kind,
    str,
    _To,
    Annotated[int, Meta(ge=0, le=LATEST)],
    Annotated[str, Meta(max_length=_USUAL_BODY)],
    _Id | None,
    None,
    _NoExtras,
]
_SEND = Decoder(
    tuple[
        Literal[1],
        Annotated[int, Meta(ge=0, le=UINT63)],
        Literal["send"],
        Annotated[
            dict[Literal["messages"], Annotated[list[_NewRow], Meta(min_length=1, max_length=MAX_MESSAGES)]],
            Meta(min_length=1, max_length=1),
        ],
    ]
)
_ITEMS = Decoder(
    tuple[
        Literal["items"],
        Annotated[
            dict[Literal["items"], Annotated[list[_ItemRow], Meta(min_length=1, max_length=PUSH_ITEMS)]],
            Meta(min_length=1, max_length=1),
        ],
    ]
)
_WORD, _WITHIN = b"\xa4send", 16
"""A verb as it usually lies in a frame, and within how many bytes."""


def send_request(frame: bytes) -> tuple[int, Send] | None:
    """The request id and the checked request in the frame of a SEND, or None."""
    if _WORD not in frame[:_WITHIN] or len(frame) > REQUEST_LIMITS.total:
        return None
    try:
        _, request_id, _, arguments = _SEND.decode(frame)
        rows = arguments["messages"]
        if len(rows) * MAX_RECIPIENTS > MAX_NAMES and sum([len(row[1]) for row in rows]) > MAX_NAMES:
            return None
        return request_id, Send(
            tuple([NewMessage(ClientId(row[0]), _conversations(row[1]), row[2]) for row in rows])
        )
    except (MsgspecError, ProtocolError, ValueError, RecursionError):
        return None


def items_delivery(body: bytes) -> Items | None:
    """The checked delivery in the opened body of one with inbox items, or None."""
    if len(body) > REPLY_LIMITS.total:
        return None
    try:
        rows = _ITEMS.decode(body)[1]["items"]
    except (MsgspecError, ValueError, RecursionError):
        return None
    if any(row[3] is Kind.FILE for row in rows):
        return None
    if not all(_is_name(row[4]) and all(map(_is_name, row[5])) for row in rows):
        return None
    return Items(tuple([InboxItem._make(row) for row in rows]))


def _conversations(names: tuple[str, ...]) -> tuple[Conversation, ...]:
    return (from_wire(names[0]),) if len(names) == 1 else recipients(names)


@lru_cache(4096)  # a name comes again and again
def _is_name(text: str) -> bool:
    return NAME_PATTERN.match(text) is not None
