"""ZAP: only CURVE on our own domain is admitted; the key itself becomes the User-Id."""

import pytest
import zmq
from zmq.utils import z85

from cnmessage_broker import zap
from cnmessage_broker.zap import DOMAIN, Admission

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


def test_any_curve_key_is_admitted_under_its_own_text() -> None:
    answer = Admission().answer(request(RAW))
    assert answer == [b"peer", b"", b"1.0", b"id-1", b"200", b"OK", PUBLIC, b""]


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
    admission = Admission()
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
    assert Admission().answer(nonsense) == []


def test_the_latest_address_of_a_key_is_known() -> None:
    admission = Admission()
    key = PUBLIC.decode()
    assert admission.address_of(key) == ""
    admission.answer(request(RAW))
    assert admission.address_of(key) == "10.0.0.1"
    admission.answer(request(RAW, address=b"10.0.0.2"))
    assert admission.address_of(key) == "10.0.0.2"
    admission.answer(request(RAW, address=b"\xff"))  # no text, no harm
    assert admission.address_of(key) == "�"


def test_a_flood_of_keys_forgets_the_oldest_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zap, "_MAX_ADDRESSES", 2)
    admission = Admission()
    first, second, third = (bytes([number]) * 32 for number in range(3))
    for each in (first, second, first, third):
        admission.answer(request(each))
    known = [admission.address_of(z85.encode(each).decode()) for each in (first, second, third)]
    assert known == ["10.0.0.1", "", "10.0.0.1"]
