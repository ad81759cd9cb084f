"""Pinned keys of brokers on disk."""

import pytest

from cnmessage_client.address import Address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.profile import Home
from cnmessage_protocol.errors import CnMessageError, ErrorCode

KEY = bytes(range(32))


def test_pins_are_kept_for_each_broker_and_comments_survive_reading(home: Home) -> None:
    known = KnownBrokers(home)
    one, two = Address("host", 9, None), Address("::1", 9, None)
    assert known.key_of(one) is None
    known.pin(one, KEY)
    known.pin(two, bytes(32))
    path = home.config / "known_brokers"
    path.write_text("# mine\n\n" + path.read_text())
    assert (known.key_of(one), known.key_of(two)) == (KEY, bytes(32))
    assert "[::1]:9 " in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"host:9 AAA\n", b"host:9\n", b"host:9 A\n", b"\xff\xfe\n"])
def test_a_damaged_pin_is_an_integrity_error_and_never_no_pin(home: Home, damage: bytes) -> None:
    home.config.mkdir(parents=True)
    (home.config / "known_brokers").write_bytes(damage)
    with pytest.raises(CnMessageError) as caught:
        KnownBrokers(home).key_of(Address("host", 9, None))
    assert caught.value.code is ErrorCode.INTEGRITY


def test_a_pin_of_a_name_in_capital_letters_still_counts(home: Home) -> None:
    known = KnownBrokers(home)
    known.pin(Address("Host", 9, None), KEY)
    assert known.key_of(Address("host", 9, None)) == KEY


def test_one_broker_is_forgotten_and_the_others_stay(home: Home) -> None:
    known = KnownBrokers(home)
    known.pin(Address("one", 9, None), KEY)
    known.pin(Address("two", 9, None), KEY)
    known.forget("one:9")
    known.forget("never:9")
    assert known.all() == {"two:9": KEY}
