"""Profiles, keys, addresses and pinned brokers on disk."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.address import Address, parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.link.connection import keys_match, new_key_pair
from cnmessage_client.profile import Home, KeyPair
from cnmessage_protocol.errors import CnMessageError, ErrorCode

KEY = bytes(range(32))
KEY_TEXT = urlsafe_b64encode(KEY).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("example.org", Address("example.org", 12416, None)),
        ("127.0.0.1:9", Address("127.0.0.1", 9, None)),
        ("cnm://host:9", Address("host", 9, None)),
        (f"cnm://host:9#{KEY_TEXT}", Address("host", 9, KEY)),
        (f"cnm://host:9#{KEY_TEXT}=", Address("host", 9, KEY)),
        (f"[::1]:9#{KEY_TEXT}", Address("::1", 9, KEY)),
        ("[fe80::1]", Address("fe80::1", 12416, None)),
        ("host:9/", Address("host", 9, None)),
    ],
)
def test_addresses_are_read_in_every_form(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":9",
        "host:",
        "host:0",
        "host:65536",
        "host:65533",
        "a b",
        "host:9:9",
        "::1",
        "http://host:9",
        "host:9#short",
        "host#@@@",
    ],
)
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(CnMessageError) as caught:
        parse_address(text)
    assert caught.value.code is ErrorCode.USAGE


@given(st.text(max_size=40))
def test_no_text_makes_anything_but_an_address_or_a_usage_error(text: str) -> None:
    code, address = ErrorCode.USAGE, None
    try:
        address = parse_address(text)
    except CnMessageError as error:
        code = error.code
    assert code is ErrorCode.USAGE
    assert address is None or parse_address(address.place)[:2] == address[:2]


def test_the_device_key_is_made_once_and_kept_to_oneself(home: Home) -> None:
    profile = home.profile("alice")
    made = profile.keys(new_key_pair)
    assert keys_match(made)
    assert profile.keys(lambda: pytest.fail("a second key was made")) == made
    assert (profile.folder / "device.key").stat().st_mode & 0o777 == 0o600
    assert profile.folder.stat().st_mode & 0o077 == 0
    assert home.profile("bob").keys(new_key_pair) != made
    assert not keys_match(KeyPair(made.public, home.profile("bob").keys(new_key_pair).secret))


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 40, b"x" * 40 + b"\n" + b"y" * 39, b"a b c"])
def test_a_damaged_device_key_is_an_integrity_error_that_names_the_file(home: Home, damage: bytes) -> None:
    profile = home.profile("alice")
    profile.keys(new_key_pair)
    (profile.folder / "device.key").write_bytes(damage)
    with pytest.raises(CnMessageError) as caught:
        profile.keys(new_key_pair)
    assert caught.value.code is ErrorCode.INTEGRITY
    assert str(profile.folder / "device.key") in caught.value.message


def test_a_profile_remembers_and_forgets_who_is_logged_in(home: Home) -> None:
    profile = home.profile("alice")
    assert (profile.user, profile.broker, home.profiles()) == (None, None, [])
    odd = 'cnm://host:9#"quoted"\\back ünï'
    profile.remember(broker=odd, user="alice")
    assert (profile.user, profile.broker) == ("alice", odd)
    profile.remember(broker=odd, user=None)
    assert (profile.user, profile.broker) == (None, odd)
    assert home.profiles() == ["alice"]
    home.use_profile("alice")
    assert home.current_profile == "alice"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "x\n", "é", "x" * 65, "\x1b"])
def test_a_profiles_name_cannot_lead_out_of_its_directory(home: Home, name: str) -> None:
    with pytest.raises(CnMessageError) as caught:
        home.profile(name)
    assert caught.value.code is ErrorCode.USAGE


def test_a_damaged_settings_file_is_an_integrity_error(home: Home) -> None:
    home.use_profile("alice")
    for damage in (b"profile = ", b"\xff\xfe", b"[["):
        (home.config / "config.toml").write_bytes(damage)
        with pytest.raises(CnMessageError) as caught:
            _ = home.current_profile
        assert caught.value.code is ErrorCode.INTEGRITY
        assert "config.toml" in caught.value.message


def test_the_home_variable_overrides_every_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CNMESSAGE_HOME", str(tmp_path / "own"))
    assert Home.find() == Home(tmp_path / "own", tmp_path / "own" / "state")
    monkeypatch.delenv("CNMESSAGE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    found = Home.find()
    assert found.config.is_relative_to(tmp_path)
    assert found.state.is_relative_to(tmp_path)


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
