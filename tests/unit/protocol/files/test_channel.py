"""The file channel's frames: every message there and back, and every bad frame a ProtocolError."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.codec import encode
from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.files.channel import (
    CHUNK,
    FROM_BROKER,
    FROM_CLIENT,
    MAX_EXPIRES,
    MAX_HEADER,
    Chunk,
    Fetched,
    FileMessage,
    Get,
    Noted,
    Put,
    Stop,
    pack,
    peek_transfer,
    stop,
    unpack,
)
from cnmessage_protocol.records import MAX_BODY, MAX_FILE_NAME, MAX_RECIPIENTS
from cnmessage_protocol.schema import LARGEST, build, fields
from tests.unit.protocol.strategies import IDS, PLAIN, TOO_LONG, raw_frame, spoiled_map, thorough, valid_map

TRANSFER = bytes(range(16))
BOTH_WAYS = [
    *(pytest.param(FROM_CLIENT, verb, id=f"client {verb}") for verb in FROM_CLIENT),
    *(pytest.param(FROM_BROKER, verb, id=f"broker {verb}") for verb in FROM_BROKER),
]


def frames_of(transfer: bytes, message: FileMessage) -> list[bytes]:
    """A message as it travels; a chunk with bytes."""
    return [pack(transfer, message), *([b"bytes"] if type(message) is Chunk else [])]


def read(frames: list[Any], catalogue: Any = FROM_CLIENT) -> FileMessage | ProtocolError:
    """What the other side makes of frames; anything but these two escapes and fails the test."""
    try:
        transfer, message = unpack(frames, catalogue)
    except ProtocolError as error:
        return error
    assert type(message) is catalogue[message.VERB]
    assert unpack([pack(transfer, message), *frames[1:]], catalogue) == (transfer, message)
    return message


@pytest.mark.parametrize(("catalogue", "verb"), BOTH_WAYS)
def test_every_message_survives_the_wire(catalogue: Any, verb: str) -> None:
    @thorough(40, 500)
    @given(values=valid_map(catalogue[verb]), transfer=IDS)
    def check(values: dict[str, Any], transfer: bytes) -> None:
        message: FileMessage = build(catalogue[verb], values)
        views = [memoryview(each) for each in frames_of(transfer, message)]
        assert unpack(views, catalogue) == (transfer, message)

    check()


@thorough(250, 4000)
@given(data=st.data())
def test_a_message_with_one_thing_wrong_is_never_more_than_a_protocol_error(data: st.DataObject) -> None:
    catalogue = data.draw(st.sampled_from([FROM_CLIENT, FROM_BROKER]))
    verb = data.draw(st.sampled_from(sorted(catalogue)))
    envelope = [VERSION, TRANSFER, verb, data.draw(spoiled_map(catalogue[verb]))]
    if data.draw(st.booleans()):
        envelope[data.draw(st.integers(0, 3))] = data.draw(PLAIN | TOO_LONG)
    rest = data.draw(st.lists(st.binary(max_size=20), max_size=2))
    read([raw_frame(envelope), *rest], catalogue)


@thorough(250, 4000)
@given(data=st.data())
def test_a_flipped_or_truncated_frame_is_never_more_than_a_protocol_error(data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from(sorted(FROM_CLIENT)))
    message: FileMessage = build(FROM_CLIENT[verb], data.draw(valid_map(FROM_CLIENT[verb])))
    first, *rest = frames_of(TRANSFER, message)
    frame = bytearray(first)
    for place in data.draw(st.lists(st.integers(0, len(frame) - 1), max_size=4)):
        frame[place] = data.draw(st.integers(0, 255))
    read([bytes(frame[: data.draw(st.integers(0, len(frame)))]), *rest])


@thorough(200, 2000)
@given(frames=st.lists(st.binary(max_size=80) | PLAIN.map(raw_frame), max_size=4))
def test_garbage_is_a_protocol_error(frames: list[bytes]) -> None:
    assert isinstance(read(frames), ProtocolError)


def said(verb: Any, fields: Any) -> bytes:
    """A first frame of any verb and fields."""
    return encode([VERSION, TRANSFER, verb, fields])


PUT = {"name": "x", "size": 1, "to": ["bob"]}
CHUNK_FRAME = pack(TRANSFER, Chunk(0))

MALFORMED: dict[str, tuple[list[bytes], str]] = {
    "three frames": ([pack(TRANSFER, Get())] * 3, "one frame, a chunk two"),
    "bytes behind a message": ([pack(TRANSFER, Get()), b"x"], "'get' has one frame"),
    "a chunk without a frame": ([CHUNK_FRAME], "a chunk has a second frame"),
    "a chunk without bytes": ([CHUNK_FRAME, b""], f"a chunk has 1 to {CHUNK} bytes, not 0"),
    "a chunk too large": ([CHUNK_FRAME, bytes(CHUNK + 1)], f"a chunk has 1 to {CHUNK} bytes"),
    "a first frame too large": ([pack(TRANSFER, Get()).ljust(MAX_HEADER + 1)], f"limit is {MAX_HEADER}"),
    "trailing bytes": ([pack(TRANSFER, Get()) + b"\0"], "nothing behind it"),
    "cut off": ([pack(TRANSFER, Stop("internal"))[:-3]], "one msgpack value"),
    "a text beyond the decoder": ([said("stop", {"code": "x" * ((1 << 17) + 1)})], "one msgpack value"),
    "three elements": ([encode([VERSION, TRANSFER, "get"])], "an array [version, transfer, verb, fields]"),
    "no such verb": ([said("take", {})], "'verb': the file channel has no 'take'"),
    "a verb of the broker": ([said("granted", {})], "'verb': the file channel has no 'granted'"),
    "a verb of another channel": ([said("send", {})], "'verb': the file channel has no 'send'"),
    "a number for a verb": ([said(1, {})], "'verb' must be text"),
    "nil for a verb": ([said(None, {})], "'verb' must be text"),
    "fields that are no map": ([said("get", [])], "'fields' must be a map"),
    "nil for fields": ([said("fetched", None)], "'fields' must be a map"),
    "a missing field": ([said("put", {"name": "x", "to": ["bob"]})], "'size' is missing"),
    "an unknown key": ([said("get", {"colour": 1})], "unknown key 'colour'"),
    "a pause with a reason": ([said("pause", {"code": "busy"})], "unknown key 'code'"),
    "a bool for a number": ([said("get", {"offset": True})], "'offset' must be a whole number"),
    "a number below": ([said("get", {"upto": -1})], "'upto' must be a whole number from 0"),
    "a number above": (
        [said("get", {"chunk": CHUNK + 1})],
        f"'chunk' must be a whole number from 1 to {CHUNK}",
    ),
    "no chunk size": ([said("credit", {"upto": 1, "chunk": 0})], "'chunk' must be a whole number from 1"),
    "a file too large for any": ([said("put", PUT | {"size": LARGEST + 1})], "'size' must be a whole number"),
    "no time at all": ([said("put", PUT | {"expires": 0})], "'expires' must be a whole number from 1"),
    "a note too long": ([said("put", PUT | {"note": "n" * (MAX_BODY + 1)})], "'note' has 65537 bytes"),
    "a digest too short": ([said("finish", {"sha256": bytes(31)})], "'sha256' must be 32 bytes"),
    "a name with a path": ([said("put", PUT | {"name": "a/b"})], "'name' must not hold '/' or NUL"),
    "an empty name": ([said("put", PUT | {"name": ""})], "'name' must have at least 1 bytes"),
    "a user that cannot be": ([said("put", PUT | {"to": ["b b"]})], "'to[0]': 'b b' cannot be a user"),
    "no user": ([said("put", PUT | {"to": []})], "'to' must be an array of 1 to 256"),
    "a number for a user": ([said("put", PUT | {"to": [1]})], "'to[0]' must hold names"),
    "a file for everyone": ([said("put", PUT | {"to": ["all"]})], "'to[0]' must name users"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_message_is_a_bad_request_that_names_the_field_and_its_transfer_is_known(
    what: str,
) -> None:
    frames, reason = MALFORMED[what]
    error = read(frames)
    assert isinstance(error, ProtocolError)
    assert reason in error.message
    assert error.code is ErrorCode.BAD_REQUEST
    assert peek_transfer(memoryview(frames[0])) == TRANSFER


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"\xc1"],
        [bytes(MAX_HEADER + 1)],
        [encode({"get": 1})],
        [encode([VERSION])],
        [pack(bytes(15), Get())],
        [pack(bytes(17), Get())],
        [encode([VERSION, "0" * 16, "get", {}])],
        [encode([[VERSION] * 40, TRANSFER, "get", {}])],
        [pack(TRANSFER, Get())[:12]],
    ],
)
def test_a_transfer_that_cannot_be_read_is_nobodys(frames: list[bytes]) -> None:
    assert isinstance(read(frames), ProtocolError)
    assert peek_transfer(memoryview(frames[0])) is None


def test_no_frame_at_all_is_malformed() -> None:
    assert isinstance(read([]), ProtocolError)


@pytest.mark.parametrize("version", [0, 2, (1 << 64) - 1, True, 1.0, "1", None])
def test_another_version_is_named_as_such(version: Any) -> None:
    frame = encode([version, TRANSFER, "get", {}])
    error = read([frame])
    assert isinstance(error, ProtocolError)
    assert error.code is ErrorCode.UNSUPPORTED_VERSION
    assert "'version' must be 1" in error.message
    assert peek_transfer(frame) == TRANSFER


@pytest.mark.parametrize("verb", sorted(FROM_BROKER))
def test_a_newer_broker_may_say_more_and_a_client_may_not(verb: str) -> None:
    more = {"later": [1, {"x": None}]}
    needed = [each.name for each in fields(FROM_BROKER[verb]) if each.required]
    values = {name: SAMPLES[name] for name in needed}
    rest = [b"bytes"] if verb == "chunk" else []
    message = read([said(verb, values), *rest], FROM_BROKER)
    assert not isinstance(message, ProtocolError)
    assert unpack([said(verb, values | more), *rest], FROM_BROKER) == (TRANSFER, message)
    if verb in FROM_CLIENT:
        assert isinstance(read([said(verb, values | more), *rest], FROM_CLIENT), ProtocolError)


SAMPLES: dict[str, Any] = {
    "file": bytes(16),
    "message": bytes(16),
    "seq": 1,
    "recipients": 1,
    "offset": 0,
    "upto": 9,
    "chunk": 9,
    "name": "x",
    "size": 9,
    "sha256": bytes(32),
    "code": "internal",
}


@pytest.mark.parametrize("size", [1, CHUNK])
def test_a_chunk_has_1_byte_to_1_mib(size: int) -> None:
    assert read([pack(TRANSFER, Chunk(7)), memoryview(bytes(size))]) == Chunk(7)


@pytest.mark.parametrize("name", ["", "a/b", "/etc/passwd", "../x", "a\0b", "é" * 128, "x" * 256, b"x", None])
def test_a_name_that_cannot_be_one_is_refused(name: Any) -> None:
    arguments = {"name": name, "size": 1, "to": ["bob"]}
    assert isinstance(read([encode([VERSION, TRANSFER, "put", arguments])]), ProtocolError)


@pytest.mark.parametrize("name", ["x" * MAX_FILE_NAME, ".", "..", "con.txt", "a\\b", "\x1b[31m", " "])
def test_any_other_name_travels_and_is_for_the_receiver_to_clean(name: str) -> None:
    put = Put(name, 1, ("bob",))
    assert read([pack(TRANSFER, put)]) == put


@pytest.mark.parametrize("to", [["all"], ["ALL"], ["all", "bob"], [], ["bob"] * (MAX_RECIPIENTS + 1), "bob"])
def test_a_file_goes_to_named_users(to: Any) -> None:
    arguments = {"name": "x", "size": 1, "to": to}
    assert isinstance(read([encode([VERSION, TRANSFER, "put", arguments])]), ProtocolError)


def test_the_largest_put_fits_into_a_frame() -> None:
    names = tuple(f"{number:03}" + "x" * 29 for number in range(MAX_RECIPIENTS))
    put = Put("é" * 127, LARGEST, names, "n" * MAX_BODY, MAX_EXPIRES)
    assert read([pack(TRANSFER, put)]) == put


def test_what_a_message_leaves_out_has_its_default() -> None:
    for message in (Get(), Fetched(), Noted()):
        assert pack(TRANSFER, message) == encode([VERSION, TRANSFER, message.VERB, {}])


def test_an_error_travels_as_its_code_and_its_text() -> None:
    error = read([pack(TRANSFER, stop(RequestError(ErrorCode.QUOTA, "too much")))], FROM_BROKER)
    assert isinstance(error, Stop)
    assert (error.error.code, error.error.message) == (ErrorCode.QUOTA, "too much")
    assert Stop("invented_later").error.code is ErrorCode.INTERNAL


def test_a_long_error_text_is_cut_between_two_characters() -> None:
    cut = stop(RequestError(ErrorCode.INTERNAL, "€" * 1000))
    assert cut.message == "€" * 333
    assert read([pack(TRANSFER, cut)], FROM_BROKER) == cut
