"""ZAP: only CURVE on our own domains is admitted, by a port's policy; the key itself becomes the User-Id."""

import pytest
import zmq
from zmq.utils import z85

from cnmessage_broker.net.zap import (
    BARRED,
    CONNECTION,
    DELIVERIES_DOMAIN,
    DOMAIN,
    MAX_ADDRESSES,
    MAX_BARRED,
    Admission,
    anybody,
    routing_id,
)

PUBLIC, _ = zmq.curve_keypair()
RAW = z85.decode(PUBLIC)


def request(
    *credentials: bytes,
    version: bytes = b"1.0",
    domain: bytes = DOMAIN,
    address: bytes = b"10.0.0.1",
    mechanism: bytes = b"CURVE",
) -> list[bytes]:
    """A request as the ROUTER receives it."""
    return [b"peer", b"", version, b"id-1", domain, address, b"identity", mechanism, *credentials]


class Clock:
    """A clock that stands still."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def an_admission(clock: Clock | None = None) -> Admission:
    """Of a request port that anybody may come to, and a push port for one key."""
    policies = {DOMAIN: anybody, DELIVERIES_DOMAIN: lambda key: key == "attached"}
    return Admission(policies, clock or Clock())


def test_any_curve_key_is_admitted_under_its_own_text_each_connection_with_a_number_of_its_own() -> None:
    admission = an_admission()
    for number in (b"1", b"2"):
        *answer, metadata = admission.answer(request(RAW))
        assert answer == [b"peer", b"", b"1.0", b"id-1", b"200", b"OK", PUBLIC]
        given = routing_id(int(number))
        assert metadata == (
            b"\x0c" + CONNECTION.encode() + b"\0\0\0\x01" + number + b"\x08Identity\0\0\0\x09" + given
        )


def test_a_port_with_a_policy_lets_nobody_else_in_and_does_not_forbid_to_come_again() -> None:
    admission = Admission({DELIVERIES_DOMAIN: lambda key: key in listening}, Clock())
    listening: set[str] = set()
    assert admission.answer(request(RAW, domain=DELIVERIES_DOMAIN)) == []
    listening.add(PUBLIC.decode())
    assert admission.answer(request(RAW, domain=DELIVERIES_DOMAIN))[4] == b"200"


def test_a_barred_key_is_kept_out_for_its_time_and_others_are_not() -> None:
    clock = Clock()
    admission = an_admission(clock)
    admission.bar(PUBLIC.decode())
    assert admission.answer(request(RAW))[4] == b"300"
    assert admission.answer(request(b"k" * 32))[4] == b"200"
    clock.now += BARRED
    assert admission.answer(request(RAW))[4] == b"200"


def test_a_flood_of_barred_keys_is_not_remembered_without_end() -> None:
    admission = an_admission()
    for number in range(MAX_BARRED):
        admission.bar(str(number))
    assert len(admission._barred) == MAX_BARRED
    admission.bar("one more")
    assert len(admission._barred) == MAX_BARRED
    assert "0" not in admission._barred


@pytest.mark.parametrize(
    "refused",
    [
        request(RAW, domain=b""),
        request(RAW, domain=b"other"),
        request(mechanism=b"NULL"),
        request(b"user", b"password", mechanism=b"PLAIN"),
        request(RAW, mechanism=b"curve"),
        request(),
        request(RAW, RAW),
        request(RAW[:31]),
        request(RAW + b"x"),
        request(b""),
    ],
    ids=[
        "no domain",
        "another domain",
        "NULL",
        "PLAIN",
        "another word for CURVE",
        "no key",
        "two keys",
        "a short key",
        "a long key",
        "an empty key",
    ],
)
def test_everything_else_is_refused_without_a_user_id(refused: list[bytes]) -> None:
    admission = an_admission()
    answer = admission.answer(refused)
    assert answer[:5] == [b"peer", b"", b"1.0", b"id-1", b"400"]
    assert answer[6:] == [b"", b""]
    assert not admission._addresses


@pytest.mark.parametrize(
    "nonsense",
    [[], [b"peer"], request(RAW)[:7], request(RAW, version=b"2.0"), [b"peer", b"x", *request(RAW)[2:]]],
    ids=["nothing", "an envelope only", "cut off", "another version", "no blank"],
)
def test_what_is_no_zap_request_gets_no_answer(nonsense: list[bytes]) -> None:
    assert an_admission().answer(nonsense) == []


def test_the_latest_address_of_a_key_is_known() -> None:
    admission = an_admission()
    key = PUBLIC.decode()
    assert admission.address_of(key) == ""
    admission.answer(request(RAW))
    assert admission.address_of(key) == "10.0.0.1"
    admission.answer(request(RAW, address=b"10.0.0.2"))
    assert admission.address_of(key) == "10.0.0.2"
    admission.answer(request(RAW, address=b"\xff"))  # no text, no harm
    assert admission.address_of(key) == "�"


def test_a_flood_of_keys_forgets_the_oldest_addresses() -> None:
    admission = an_admission()
    first, second, third, *others = (number.to_bytes(32) for number in range(MAX_ADDRESSES + 1))
    for each in (first, second, *others, first, third):
        admission.answer(request(each))
    known = [admission.address_of(z85.encode(each).decode()) for each in (first, second, third)]
    assert known == ["10.0.0.1", "", "10.0.0.1"]
