"""msgpack with hard limits: bytes to plain values and back.

Without limits 65 KB of nested array headers make a decoder allocate 68 MB, so nothing from a network is
decoded anywhere else. Must know nothing of what the values mean, but how a conversation is spelled.
"""

from typing import Any

import msgpack
from msgspec import Struct

from cnmessage_protocol.conversation import Conversation, to_wire
from cnmessage_protocol.errors import ErrorCode, ProtocolError


class Limits(Struct, frozen=True):
    """What a decoder accepts: sizes in bytes, lengths in elements."""

    total: int
    array: int
    mapping: int
    text: int
    binary: int


REQUEST_LIMITS = Limits(total=1 << 20, array=1024, mapping=16, text=1 << 17, binary=1 << 17)
"""What a broker reads from a client. A text, or a bin, may be twice a body's limit, so that the error names
the body."""

REPLY_LIMITS = Limits(total=4 << 20, array=4096, mapping=64, text=1 << 16, binary=1 << 16)
"""What a client reads from a broker, replies and opened deliveries alike."""


_PEEK = 32
_EXT = "max_ext_len"
_KEY = "map key"


def encode(value: Any) -> bytes:
    """Plain values (None, bool, int, str, bytes, list, tuple, dict) and conversations to msgpack bytes.

    Raises ProtocolError for what msgpack cannot carry, a lone surrogate in a text among it.
    """
    try:
        packed: bytes = msgpack.packb(value, use_bin_type=True, default=_spelled)
    except (ValueError, TypeError, OverflowError) as error:
        text = (
            "a text in it is not valid Unicode"
            if isinstance(error, UnicodeError)
            else "msgpack has no form for it"
        )
        raise ProtocolError(f"this value cannot be sent: {text}") from error
    return packed


def decode(data: bytes, limits: Limits) -> Any:
    """Msgpack bytes to plain values within `limits`; ProtocolError for anything else."""
    if len(data) > limits.total:
        raise ProtocolError(f"{len(data)} bytes are over the limit of {limits.total}", ErrorCode.TOO_LARGE)
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_str_len=limits.text,
            max_bin_len=limits.binary,
            max_array_len=limits.array,
            max_map_len=limits.mapping,
            max_ext_len=0,
            ext_hook=_no_ext,
            object_hook=_text_keys,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolError(_reason(error, limits)) from error


def peek(data: bytes, place: int) -> Any:
    """An element of the array that `data` begins with; None if its first 32 bytes do not hold it."""
    unpacker = msgpack.Unpacker(max_ext_len=0, max_buffer_size=_PEEK)
    unpacker.feed(data[:_PEEK])
    try:
        if unpacker.read_array_header() <= place:
            return None
        for _ in range(place):
            unpacker.skip()
        return unpacker.unpack()
    except (ValueError, RecursionError, msgpack.UnpackException):
        return None


def _spelled(value: Any) -> str:
    if isinstance(value, Conversation):
        return to_wire(value)
    raise TypeError(f"no plain value: {type(value).__name__}")


def _no_ext(code: int, data: bytes) -> Any:
    """An ext type without data slips under the limit of 0 bytes."""
    del code, data
    raise ValueError(_EXT)


def _text_keys(found: dict[Any, Any]) -> dict[Any, Any]:
    """Msgpack's own check lets bytes pass as keys."""
    if not all(type(key) is str for key in found):
        raise ValueError(_KEY)
    return found


def _reason(error: Exception, limits: Limits) -> str:
    """Why bytes are no value, in this protocol's words and not in those of whoever decodes them."""
    match error:
        case msgpack.ExtraData():
            return "bytes follow the msgpack value"
        case UnicodeDecodeError():
            return "a text is not valid UTF-8"
        case msgpack.StackError() | RecursionError():
            return "the msgpack value is nested too deep"
        case _:
            text = str(error)
            reasons = {
                "max_str_len": f"a text has more than {limits.text} bytes",
                "max_bin_len": f"a bin has more than {limits.binary} bytes",
                "max_array_len": f"an array has more than {limits.array} elements",
                "max_map_len": f"a map has more than {limits.mapping} entries",
                _EXT: "an ext type is not allowed",
                _KEY: "a key of a map must be text",
                "incomplete": "the msgpack value ends too early",
            }
            return next((reason for word, reason in reasons.items() if word in text), "this is not msgpack")
