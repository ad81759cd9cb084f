"""Settings: flag before environment before file before default; each mistake gets a clear line."""

from pathlib import Path
from typing import Any

import pytest

from cnmessage_broker.config import ENVIRONMENT_PREFIX, HIGHEST_PORT, SETTINGS, Config, ConfigError, load

DATA = Path("/default/data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "broker.toml"


def test_defaults_hold_when_nothing_is_said() -> None:
    assert load({}, {}, None, DATA) == Config(data=DATA)
    assert Config().host == "127.0.0.1"
    assert Config().port == 12416


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(file: Path) -> None:
    file.write_text("port = 2001\nlogin_burst = 21\nsend_burst = 31\nhost = 'file'\n")
    environment = {"CNMESSAGE_BROKER_PORT": "3001", "CNMESSAGE_BROKER_LOGIN_BURST": "22"}
    config = load({"port": 4001, "host": None}, environment, file, DATA)
    assert (config.port, config.login_burst, config.send_burst) == (4001, 22, 31)
    assert config.host == "file"  # a flag that was not given does not count
    assert config.login_rate == Config().login_rate


def test_every_setting_can_come_from_the_environment_and_from_the_file(file: Path) -> None:
    values: dict[str, Any] = {
        "host": "::1",
        "port": 2000,
        "data": "/some/data",
        "log_format": "json",
        "login_rate": 2.5,
        "address_login_rate": 3.5,
        "send_rate": 4.5,
    }
    values |= {name: 7 for name in SETTINGS if name not in values}
    file.write_text("".join(f"{name} = {value!r}\n" for name, value in values.items()))
    environment = {ENVIRONMENT_PREFIX + name.upper(): str(value) for name, value in values.items()}
    expected = Config(**{**values, "data": Path("/some/data")})
    assert load({}, environment, None, DATA) == load({}, {}, file, DATA) == expected


def test_other_programs_variables_do_not_count() -> None:
    assert load({}, {"PORT": "1", "CNMESSAGE_PORT": "2", "port": "3"}, None, DATA).port == 12416


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("port", "0", "port must be from 1 to"),
        ("port", str(HIGHEST_PORT + 1), "port must be from 1 to"),
        ("port", "many", "port must be a whole number, not 'many'"),
        ("port", "", "port must be a whole number"),
        ("log_format", "xml", "log_format must be 'text' or 'json'"),
        ("password_workers", "0", "password_workers must be at least 1"),
        ("password_queue", "0", "password_queue must be at least 1"),
        ("login_burst", "0", "login_burst must be at least 1"),
        ("address_login_burst", "-1", "address_login_burst must be at least 1"),
        ("send_burst", "0", "send_burst must be at least 1"),
        ("listeners_per_user", "0", "listeners_per_user must be at least 1"),
        ("max_listeners", "-1", "max_listeners must be at least 1"),
        ("login_rate", "-0.1", "login_rate must not be negative"),
        ("address_login_rate", "-1", "address_login_rate must not be negative"),
        ("send_rate", "-1", "send_rate must not be negative"),
        ("send_rate", "fast", "send_rate must be a number, not 'fast'"),
        # A budget with such a rate would let everything pass, or nothing.
        ("login_rate", "nan", "login_rate must"),
        ("login_rate", "inf", "login_rate must"),
    ],
)
def test_a_value_without_meaning_is_named(name: str, value: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load({}, {ENVIRONMENT_PREFIX + name.upper(): value}, None, DATA)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("colour = 'red'\n", "unknown setting 'colour'; known are host, port"),
        ("[broker]\nport = 1\n", "unknown setting 'broker'"),
        ("port = \n", "cannot read"),
        ("port = 'x'\n", "port must be a whole number, not 'x'"),
        ("port = [1]\n", "port must be a whole number"),
        ("port = inf\n", "port must be a whole number"),
        ("port = 2000.9\n", "port must be a whole number"),
        ("login_burst = true\n", "login_burst must be a whole number"),
        ("data = 5\n", "data must be a path"),
    ],
)
def test_a_mistake_in_the_file_is_named(file: Path, content: str, text: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigError, match=text):
        load({}, {}, file, DATA)


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*broker\.toml"):
        load({}, {}, file, DATA)
    file.write_bytes(b"host = '\xff'\n")
    with pytest.raises(ConfigError, match=r"cannot read .*broker\.toml"):
        load({}, {}, file, DATA)
