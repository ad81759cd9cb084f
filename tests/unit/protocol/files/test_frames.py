"""Frames of the file channel in version 1, as they were recorded: each message, from bytes and back to them.

Another program speaks these bytes. A test that fails here says that it would not be understood any more.
"""

import pytest

from cnmessage_protocol.files.channel import (
    FROM_BROKER,
    FROM_CLIENT,
    Chunk,
    Credit,
    Fetched,
    FileMessage,
    Finish,
    Get,
    Granted,
    Kept,
    Noted,
    Opened,
    Pause,
    Put,
    Stop,
    pack,
    unpack,
)

TRANSFER = bytes(range(0xC0, 0xD0))
FILE = bytes(range(0xD0, 0xE0))
MESSAGE = bytes(range(0xE0, 0xF0))
DIGEST = bytes(range(32))

HEAD = "94 01 c4 10 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
"""What every first frame begins with: an array of four, version 1, TRANSFER."""

CLIENT: dict[str, tuple[FileMessage, str]] = {
    "a put": (
        Put(name="a.txt", size=5, to=("bob",)),
        "a3 70 75 74 83 a4 6e 61 6d 65 a5 61 2e 74 78 74 a4 73 69 7a 65 05 a2 74 6f 91 a3 62 6f 62 ",
    ),
    "a put with everything": (
        Put(name="é.txt", size=1099511627776, to=("bob", "carol"), note="the final one", expires=3600),
        (
            "a3 70 75 74 85 a4 6e 61 6d 65 a6 c3 a9 2e 74 78 74 a4 73 69 7a 65 cf 00 00 01 00 00 00 00 "
            "00 a2 74 6f 92 a3 62 6f 62 a5 63 61 72 6f 6c a4 6e 6f 74 65 ad 74 68 65 20 66 69 6e 61 6c "
            "20 6f 6e 65 a7 65 78 70 69 72 65 73 cd 0e 10 "
        ),
    ),
    "a put of what can be run": (
        Put(name="run.sh", size=5, to=("bob",), mtime=1_700_000_000_123, executable=True),
        (
            "a3 70 75 74 85 a4 6e 61 6d 65 a6 72 75 6e 2e 73 68 a4 73 69 7a 65 05 a2 74 6f 91 a3 62 6f 62 "
            "a5 6d 74 69 6d 65 cf 00 00 01 8b cf e5 68 7b aa 65 78 65 63 75 74 61 62 6c 65 c3 "
        ),
    ),
    "a get": (Get(), "a3 67 65 74 80 "),
    "a get that goes on": (
        Get(offset=5, upto=524293, chunk=16384),
        "a3 67 65 74 83 a6 6f 66 66 73 65 74 05 a4 75 70 74 6f ce 00 08 00 05 a5 63 68 75 6e 6b cd 40 00 ",
    ),
    "a get of large chunks": (
        Get(offset=0, upto=1048576, chunk=524288),
        "a3 67 65 74 82 a4 75 70 74 6f ce 00 10 00 00 a5 63 68 75 6e 6b ce 00 08 00 00 ",
    ),
    "a first chunk": (Chunk(offset=0), "a5 63 68 75 6e 6b 81 a6 6f 66 66 73 65 74 00 "),
    "a later chunk": (Chunk(offset=65536), "a5 63 68 75 6e 6b 81 a6 6f 66 66 73 65 74 ce 00 01 00 00 "),
    "credit for any chunks": (
        Credit(upto=524288),
        "a6 63 72 65 64 69 74 81 a4 75 70 74 6f ce 00 08 00 00 ",
    ),
    "credit for small chunks": (
        Credit(upto=524288, chunk=16384),
        "a6 63 72 65 64 69 74 82 a4 75 70 74 6f ce 00 08 00 00 a5 63 68 75 6e 6b cd 40 00 ",
    ),
    "a finish": (
        Finish(sha256=DIGEST),
        (
            "a6 66 69 6e 69 73 68 81 a6 73 68 61 32 35 36 c4 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c "
            "0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f "
        ),
    ),
    "a fetched": (Fetched(), "a7 66 65 74 63 68 65 64 80 "),
    "a pause": (Pause(), "a5 70 61 75 73 65 80 "),
    "a stop": (
        Stop(code="integrity", message=""),
        "a4 73 74 6f 70 81 a4 63 6f 64 65 a9 69 6e 74 65 67 72 69 74 79 ",
    ),
}

BROKER: dict[str, tuple[FileMessage, str]] = {
    "a granted": (
        Granted(file=FILE, offset=0, upto=5),
        (
            "a7 67 72 61 6e 74 65 64 83 a4 66 69 6c 65 c4 10 d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 da db dc dd "
            "de df a6 6f 66 66 73 65 74 00 a4 75 70 74 6f 05 "
        ),
    ),
    "an opened": (
        Opened(name="a.txt", size=5, sha256=DIGEST),
        (
            "a6 6f 70 65 6e 65 64 83 a4 6e 61 6d 65 a5 61 2e 74 78 74 a4 73 69 7a 65 05 a6 73 68 61 32 "
            "35 36 c4 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 "
            "1a 1b 1c 1d 1e 1f "
        ),
    ),
    "an opened of what can be run": (
        Opened(name="run.sh", size=5, sha256=DIGEST, mtime=1_700_000_000_123, executable=True),
        (
            "a6 6f 70 65 6e 65 64 85 a4 6e 61 6d 65 a6 72 75 6e 2e 73 68 a4 73 69 7a 65 05 a6 73 68 61 32 "
            "35 36 c4 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a "
            "1b 1c 1d 1e 1f a5 6d 74 69 6d 65 cf 00 00 01 8b cf e5 68 7b aa 65 78 65 63 75 74 61 62 6c 65 "
            "c3 "
        ),
    ),
    "a first chunk": (Chunk(offset=0), "a5 63 68 75 6e 6b 81 a6 6f 66 66 73 65 74 00 "),
    "credit for any chunks": (
        Credit(upto=524288, chunk=16384),
        "a6 63 72 65 64 69 74 82 a4 75 70 74 6f ce 00 08 00 00 a5 63 68 75 6e 6b cd 40 00 ",
    ),
    "a kept": (
        Kept(file=FILE, message=MESSAGE, seq=13, recipients=1),
        (
            "a4 6b 65 70 74 84 a4 66 69 6c 65 c4 10 d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 da db dc dd de df a7 "
            "6d 65 73 73 61 67 65 c4 10 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef a3 73 65 71 0d "
            "aa 72 65 63 69 70 69 65 6e 74 73 01 "
        ),
    ),
    "a noted": (Noted(), "a5 6e 6f 74 65 64 80 "),
    "a stop": (
        Stop(code="quota", message="too much"),
        (
            "a4 73 74 6f 70 82 a4 63 6f 64 65 a5 71 75 6f 74 61 a7 6d 65 73 73 61 67 65 a8 74 6f 6f 20 "
            "6d 75 63 68 "
        ),
    ),
}


@pytest.mark.parametrize("name", CLIENT)
def test_the_broker_reads_what_was_recorded_of_a_client_and_says_it_in_the_same_bytes(name: str) -> None:
    message, rest = CLIENT[name]
    frame = bytes.fromhex(HEAD + rest)
    frames = [frame, *([b"bytes"] if type(message) is Chunk else [])]
    assert unpack(frames, FROM_CLIENT) == (TRANSFER, message)
    assert pack(TRANSFER, message) == frame


@pytest.mark.parametrize("name", BROKER)
def test_a_client_reads_what_was_recorded_of_a_broker_and_says_it_in_the_same_bytes(name: str) -> None:
    message, rest = BROKER[name]
    frame = bytes.fromhex(HEAD + rest)
    frames = [frame, *([b"bytes"] if type(message) is Chunk else [])]
    assert unpack(frames, FROM_BROKER) == (TRANSFER, message)
    assert pack(TRANSFER, message) == frame


def test_every_message_is_recorded_from_each_side_that_may_say_it() -> None:
    assert {message.VERB for message, _ in CLIENT.values()} == set(FROM_CLIENT)
    assert {message.VERB for message, _ in BROKER.values()} == set(FROM_BROKER)
