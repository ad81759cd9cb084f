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
    stop,
    unpack,
)
from cnmessage_protocol.records import MAX_BODY, MAX_FILE_NAME, MAX_RECIPIENTS
from cnmessage_protocol.schema import LARGEST, build
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


@thorough(800, 4000)
@given(data=st.data())
def test_a_message_with_one_thing_wrong_is_never_more_than_a_protocol_error(data: st.DataObject) -> None:
    catalogue = data.draw(st.sampled_from([FROM_CLIENT, FROM_BROKER]))
    verb = data.draw(st.sampled_from(sorted(catalogue)))
    envelope = [VERSION, TRANSFER, verb, data.draw(spoiled_map(catalogue[verb]))]
    if data.draw(st.booleans()):
        envelope[data.draw(st.integers(0, 3))] = data.draw(PLAIN | TOO_LONG)
    rest = data.draw(st.lists(st.binary(max_size=20), max_size=2))
    read([raw_frame(envelope), *rest], catalogue)


@thorough(700, 4000)
@given(data=st.data())
def test_a_flipped_or_truncated_frame_is_never_more_than_a_protocol_error(data: st.DataObject) -> None:
    verb = data.draw(st.sampled_from(sorted(FROM_CLIENT)))
    message: FileMessage = build(FROM_CLIENT[verb], data.draw(valid_map(FROM_CLIENT[verb])))
    first, *rest = frames_of(TRANSFER, message)
    frame = bytearray(first)
    for place in data.draw(st.lists(st.integers(0, len(frame) - 1), max_size=4)):
        frame[place] = data.draw(st.integers(0, 255))
    read([bytes(frame[: data.draw(st.integers(0, len(frame)))]), *rest])


@thorough(500, 2000)
@given(frames=st.lists(st.binary(max_size=80) | PLAIN.map(raw_frame), max_size=4))
def test_garbage_is_a_protocol_error(frames: list[bytes]) -> None:
    assert isinstance(read(frames), ProtocolError)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "one frame"),
        ([pack(TRANSFER, Get())] * 3, "one frame"),
        ([pack(TRANSFER, Get()), b"x"], "nothing else"),
        ([pack(TRANSFER, Chunk(0))], "nothing else"),
        ([pack(TRANSFER, Chunk(0)), b""], "nothing else"),
        ([pack(TRANSFER, Chunk(0)), bytes(CHUNK + 1)], "nothing else"),
        ([bytes(MAX_HEADER + 1)], "one frame"),
        ([pack(bytes(15), Get())], "'transfer' must be 16 bytes"),
        ([encode([VERSION, "0" * 16, "get", {}])], "'transfer' must be 16 bytes"),
        ([encode([VERSION, TRANSFER, "get"])], "must be an array"),
        ([encode({"get": 1})], "must be an array"),
    ],
)
def test_frames_of_another_form_are_refused(frames: list[bytes], reason: str) -> None:
    error = read(frames)
    assert isinstance(error, ProtocolError)
    assert reason in error.message


@pytest.mark.parametrize("version", [0, 2, True, 1.0, "1", None])
def test_another_version_is_named_as_such(version: Any) -> None:
    error = read([encode([version, TRANSFER, "get", {}])])
    assert isinstance(error, ProtocolError)
    assert error.code is ErrorCode.UNSUPPORTED_VERSION


@pytest.mark.parametrize("verb", ["granted", "kept", "noted", "opened", "send", "", None, 1])
def test_a_broker_takes_no_verb_that_is_not_a_clients(verb: Any) -> None:
    error = read([encode([VERSION, TRANSFER, verb, {}])])
    assert isinstance(error, ProtocolError)
    assert error.code is ErrorCode.UNKNOWN_VERB


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
