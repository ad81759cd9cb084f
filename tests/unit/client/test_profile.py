"""Profiles and keys on disk, and a home that cannot be used."""

from pathlib import Path

import pytest

from cnmessage_client.address import parse_address
from cnmessage_client.link.connection import keys_match, new_key_pair
from cnmessage_client.profile import Home, KeyPair
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError


def test_the_device_key_is_made_once_and_kept_to_oneself(home: Home) -> None:
    profile = home.profile("alice")
    made = profile.keys(new_key_pair)
    assert keys_match(made)
    assert not profile.folder.exists()
    profile.keep_keys(made)
    assert profile.keys(lambda: pytest.fail("a second key was made")) == made
    assert (profile.folder / "device.key").stat().st_mode & 0o777 == 0o600
    assert profile.folder.stat().st_mode & 0o077 == 0
    other = home.profile("bob").keys(new_key_pair)
    assert other != made
    assert not keys_match(KeyPair(made.public, other.secret))
    with pytest.raises(CnMessageError) as caught:
        profile.keep_keys(other)
    assert caught.value.code is ErrorCode.CONFLICT
    assert profile.keys(new_key_pair) == made


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 40, b"x" * 40 + b"\n" + b"y" * 39, b"a b c"])
def test_a_damaged_device_key_is_an_integrity_error_that_names_the_file(home: Home, damage: bytes) -> None:
    profile = home.profile("alice")
    profile.keep_keys(profile.keys(new_key_pair))
    (profile.folder / "device.key").write_bytes(damage)
    with pytest.raises(CnMessageError) as caught:
        profile.keys(new_key_pair)
    assert caught.value.code is ErrorCode.INTEGRITY
    assert str(profile.folder / "device.key") in caught.value.message


def test_a_profile_remembers_and_forgets_who_is_logged_in(home: Home) -> None:
    profile = home.profile("alice")
    assert (profile.user, profile.broker, home.profiles()) == (None, None, [])
    odd, place = '"quoted"\\back ünï', "host:9"
    profile.remember(broker=place, user=odd)
    assert (profile.user, profile.broker) == (odd, place)
    profile.remember(broker=place, user=None)
    assert (profile.user, profile.broker) == (None, place)
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


def test_only_what_somebody_was_logged_in_with_is_a_profile(home: Home) -> None:
    failed = home.profile("ghost")
    failed.keep_keys(failed.keys(new_key_pair))
    assert (failed.exists, home.profiles()) == (False, [])
    failed.discard()
    assert not failed.folder.exists()
    entered = home.profile("alice")
    entered.keep_keys(entered.keys(new_key_pair))
    entered.remember(broker="host:9", user="alice")
    entered.discard()
    assert (entered.exists, home.profiles()) == (True, ["alice"])


def test_a_broker_that_knows_this_device_no_more_takes_the_user_off_its_own_profile_only(home: Home) -> None:
    profile = home.profile("alice")
    profile.remember(broker="host:9", user="alice")
    profile.logged_out(parse_address("other:9"))
    before = profile.user
    profile.logged_out(parse_address("host:9"))
    assert (before, profile.user, profile.broker) == ("alice", None, "host:9")


def test_a_removed_profile_leaves_nothing_and_is_not_the_one_in_use(home: Home) -> None:
    for name in ("alice", "bob"):
        home.profile(name).remember(broker="host:9", user=name)
        home.profile(name).outbox.mkdir(parents=True)
    home.use_profile("alice")
    home.remove_profile("bob")
    assert (home.profiles(), home.current_profile) == (["alice"], "alice")
    home.remove_profile("alice")
    assert (home.profiles(), home.current_profile) == ([], "default")
    assert [each.name for each in home.state.rglob("*")] == ["profiles"]


@pytest.mark.parametrize("settings", ["broker = 5\n", "user = ['a']\n", "broker = true\n"])
def test_a_setting_that_is_no_text_is_an_integrity_error(home: Home, settings: str) -> None:
    profile = home.profile("alice")
    profile.folder.mkdir(parents=True)
    (profile.folder / "profile.toml").write_text(settings)
    with pytest.raises(CnMessageError) as caught:
        assert (profile.user, profile.broker) is None
    assert caught.value.code is ErrorCode.INTEGRITY


def test_a_broker_that_is_none_is_a_usage_error_that_names_the_file(home: Home) -> None:
    profile = home.profile("alice")
    profile.remember(broker="user@host:1", user="alice")
    with pytest.raises(CnMessageError) as caught:
        assert profile.broker is None
    assert caught.value.code is ErrorCode.USAGE
    assert str(profile.folder / "profile.toml") in caught.value.message


def test_advice_names_the_profile_that_it_is_for(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path / "state")
    error = RequestError(ErrorCode.NO_SUCH_DEVICE, "you have no device 9")
    address = parse_address("127.0.0.1")
    other = home.profile("work").explained(error, address)
    usual = home.profile(home.current_profile).explained(error, address)
    assert other.message == "you have no device 9; 'cnmessage --profile work devices' lists yours"
    assert usual.message == "you have no device 9; 'cnmessage devices' lists yours"
