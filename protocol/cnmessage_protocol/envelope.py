"""Frames: how requests, replies and deliveries lie on the sockets.

    DEALER → ROUTER   ┌───────────────────────────────────────────┐
                      │ msgpack [version, request_id, verb, args] │   one frame; ROUTER prepends its own
                      └───────────────────────────────────────────┘
    ROUTER → DEALER   ┌───────────────────────────────────────────────┐
                      │ msgpack [version, request_id, status, result] │   status "ok" or an error code
                      └───────────────────────────────────────────────┘
    XPUB → SUB        ┌──────────┬───────────────────┬───────────────────────────────┐
                      │ topic 16 │ sequence 8, big-e │ AES-GCM of msgpack [kind, map]│
                      └──────────┴───────────────────┴───────────────────────────────┘
    key probe, TCP    ┌──────────────────────────────────────────────────┐
                      │ msgpack {version, key (32 bytes), fingerprint}   │
                      └──────────────────────────────────────────────────┘

An error's result is {"message": text}. A reply to a frame whose request id could not be read has id 0: one
that does not begin with an array whose second element is such an id.
"""

from typing import Any

from msgspec import Struct

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, Limits, decode, encode, peek
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError, known_code
from cnmessage_protocol.ids import fingerprint
from cnmessage_protocol.requests import Request, parse_request, request_arguments

VERSION = 1
OK = "ok"
MAX_REQUEST_ID = (1 << 63) - 1
MAX_REQUEST = REQUEST_LIMITS.total
MAX_REPLY = REPLY_LIMITS.total
MAX_KEY_CARD = 512
FILES = 2
PROBE = 3
"""The ports of the file channel and of the key probe, counted from the request port."""

_MAX_ERROR_TEXT = 1024


class Call(Struct, frozen=True):
    """A request with the id its reply will carry."""

    request_id: int
    request: Request


class Reply(Struct, frozen=True):
    """An answer as it came: `result` is a plain map, or `error` is set."""

    request_id: int
    result: Any
    error: RequestError | None = None


class KeyCard(Struct, frozen=True):
    """What the probe tells anyone who asks: the broker's protocol version and raw CURVE public key."""

    version: int
    key: bytes


def pack_request(request_id: int, request: Request) -> bytes:
    """The frame of a request."""
    return encode([VERSION, request_id, request.VERB, request_arguments(request)])


def unpack_request(frame: bytes) -> Call:
    """The checked request in a frame.

    ProtocolError carries the request id when that much could be read, so that the caller can answer it.
    """
    from cnmessage_protocol.fastpath import send_request  # noqa: PLC0415 - 1 ms that clients spare

    if (usual := send_request(frame)) is not None:
        return Call(*usual)
    version, request_id, verb, arguments = _four(frame, REQUEST_LIMITS)
    if type(version) is not int or version != VERSION:
        raise ProtocolError(
            f"this broker speaks protocol version {VERSION}; update the older side",
            ErrorCode.UNSUPPORTED_VERSION,
            request_id,
        )
    if type(verb) is not str:
        raise ProtocolError("the verb must be text", request_id=request_id)
    try:
        return Call(request_id, parse_request(verb, arguments))
    except ProtocolError as error:
        error.request_id = request_id
        raise


def peek_request_id(frame: bytes) -> int:
    """The request id at the beginning of a frame, without reading what follows; 0 when there is none."""
    request_id = peek(frame, 1)
    return request_id if type(request_id) is int and 0 <= request_id <= MAX_REQUEST_ID else 0


def pack_result(request_id: int, result: dict[str, Any]) -> bytes:
    """The frame of a successful answer."""
    return encode([VERSION, request_id, OK, result])


def pack_error(request_id: int, code: ErrorCode, message: str) -> bytes:
    """The frame of a refusal; `message` is cut to what a client accepts."""
    return encode([VERSION, request_id, str(code), {"message": message[:_MAX_ERROR_TEXT]}])


def unpack_reply(frame: bytes) -> Reply:
    """The reply in a frame; the result is checked later, against what was asked.

    ProtocolError carries the request id when that much could be read, so that whoever asked can be told.
    """
    version, request_id, status, result = _four(frame, REPLY_LIMITS)
    if type(version) is not int or version != VERSION:
        text = "the broker speaks another protocol version; update the older side"
        raise ProtocolError(text, ErrorCode.UNSUPPORTED_VERSION, request_id)
    if status == OK:
        return Reply(request_id, result)
    message = result.get("message") if type(result) is dict else None
    if type(status) is not str or type(message) is not str:
        raise ProtocolError("an error reply must have a code and a message", request_id=request_id)
    return Reply(request_id, None, RequestError(known_code(status), message[:_MAX_ERROR_TEXT]))


def pack_key_card(key: bytes) -> bytes:
    """All that the probe says: at most MAX_KEY_CARD bytes."""
    return encode({"version": VERSION, "key": key, "fingerprint": fingerprint(key)})


def unpack_key_card(frame: bytes) -> KeyCard:
    """The broker's key as the probe told it."""
    values = decode(frame, REPLY_LIMITS)
    if type(values) is not dict or type(values.get("version")) is not int:
        raise ProtocolError("this is not the key probe of a cnmessage broker")
    key = values.get("key")
    if type(key) is not bytes or len(key) != 32:
        raise ProtocolError("the key probe gave no usable key")
    return KeyCard(values["version"], key)


def _four(frame: bytes, limits: Limits) -> tuple[Any, int, Any, Any]:
    try:
        value = decode(frame, limits)
    except ProtocolError as error:
        error.request_id = peek_request_id(frame)
        raise
    if type(value) is not list or len(value) != 4:
        text = "an envelope must be an array of four elements"
        raise ProtocolError(text, request_id=peek_request_id(frame))
    version, request_id, third, fourth = value
    if type(request_id) is not int or not 0 <= request_id <= MAX_REQUEST_ID:
        raise ProtocolError("the request id must be a whole number of at most 63 bits")
    return version, request_id, third, fourth
