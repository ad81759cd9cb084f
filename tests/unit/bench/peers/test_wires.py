"""What drives other brokers: their bytes, as their protocols have them, however they are cut."""

import random
import struct
from collections.abc import Callable

import pytest

from bench.bodies import body
from bench.peers import mosquitto, nats, rabbitmq, redis

BODY = body(7).encode()


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[place : place + size] for place in range(0, len(stream), size)]


def test_redis_commands_are_arrays_of_bulk_strings() -> None:
    assert redis.encoded(b"XADD", b"s", b"*") == b"*3\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n"


def test_an_answer_of_redis_is_whole_when_all_its_entries_are() -> None:
    entries = [
        b"*2\r\n$%d\r\n%s\r\n" % (len(place), place) + redis.encoded(b"b", body(number).encode())
        for number, place in enumerate([b"1700000000000-0", b"1700000000000-1", b"1700000000001-0"])
    ]
    reply = b"*1\r\n*2\r\n$5\r\nbench\r\n*3\r\n" + b"".join(entries)
    assert redis.whole(reply) == b"1700000000001-0"
    assert [redis.whole(reply[:size]) for size in range(len(reply))] == [None] * len(reply)


def test_nats_publishes_with_a_place_for_the_answer() -> None:
    assert nats.published(b"bench", b"acks.1", b"hello") == b"PUB bench acks.1 5\r\nhello\r\n"


def test_the_last_delivery_of_nats_is_the_one_to_acknowledge() -> None:
    stream = b"".join(
        b"MSG bench 1 $JS.ACK.BENCH.bob.1.%d.%d.17.0 %d\r\n%s\r\n" % (each, each, len(BODY), BODY)
        for each in (1, 2)
    )
    assert nats.last_reply(stream) == b"$JS.ACK.BENCH.bob.1.2.2.17.0"
    assert nats.last_reply(stream[:20]) is None


def test_mqtt_lengths_have_seven_bits_a_byte() -> None:
    # The examples of MQTT 3.1.1, table 2.4.
    sizes = {0: "00", 127: "7f", 128: "8001", 16_383: "ff7f", 16_384: "808001", 2_097_151: "ffff7f"}
    for size, length in sizes.items():
        assert mosquitto.packet(0x32, bytes(size))[: 1 + len(length) // 2] == bytes.fromhex("32" + length)


def test_mqtt_identifiers_are_never_0_and_go_round() -> None:
    ids = [int.from_bytes(mosquitto.published(b"", number)[9:11], "big") for number in (0, 65_534, 65_535)]
    assert ids == [1, 65_535, 1]


@pytest.mark.parametrize("size", [1, 5, 64, 10_000])
def test_each_delivery_of_mqtt_is_acknowledged_once_with_its_identifier(size: int) -> None:
    # Identifiers may have any bytes, also those of ends of lines.
    numbers = [0, 9, 12, 0x0A0A, 0x0D0A, 65_000]
    stream = b"".join(mosquitto.published(body(each).encode(), each) for each in numbers)
    deliveries = mosquitto.Deliveries()
    answers = b"".join(deliveries.acknowledgements(chunk) for chunk in cut(stream, size))
    assert answers == b"".join(b"\x40\x02" + (each + 1).to_bytes(2, "big") for each in numbers)


def test_a_message_of_amqp_is_a_method_a_header_and_a_body() -> None:
    message = rabbitmq.published(BODY)
    found = []
    while message:
        kind, channel, size = struct.unpack(">BHI", message[:7])
        assert message[7 + size : 8 + size] == b"\xce"
        found.append((kind, channel, message[7 : 7 + size]))
        message = message[8 + size :]
    (_, _, method), (_, _, header), (_, _, content) = found
    assert [kind for kind, _, _ in found] == [1, 2, 3]
    assert struct.unpack(">HH", method[:4]) == (60, 40)
    assert struct.unpack(">HHQHB", header) == (60, 0, len(BODY), 0x1000, 2)
    assert content == BODY


@pytest.mark.parametrize("size", [1, 20, 21, 1000])
def test_confirms_of_amqp_count_each_tag_once_in_any_order(size: int) -> None:
    acks = [(2, 0), (4, 0), (3, 1), (1, 0), (5, 0), (9, 0), (7, 1), (8, 0), (10, 1)]
    stream = b"".join(
        rabbitmq.method(1, (60, 80), struct.pack(">QB", tag, multiple)) for tag, multiple in acks
    )
    confirms = rabbitmq.Confirms()
    assert sum(confirms(chunk) for chunk in cut(stream, size)) == 10


@pytest.mark.parametrize(
    ("counts", "answer"),
    [
        (redis.acknowledged, b"$15\r\n1700000000000-0\r\n"),
        (nats.Acknowledged(), b'MSG acks.1 1 29\r\n{"stream":"BENCH", "seq":12345}\r\n'),
        (mosquitto.Acknowledged(), b"\x40\x02\x00\x01"),
    ],
    ids=["redis", "nats", "mosquitto"],
)
def test_acknowledgements_are_counted_however_they_are_cut(
    counts: Callable[[bytes], int], answer: bytes
) -> None:
    chance, stream, done = random.Random(1), answer * 500, 0
    while stream:
        size = chance.randint(1, 200)
        done += counts(stream[:size])
        stream = stream[size:]
    assert done == 500
