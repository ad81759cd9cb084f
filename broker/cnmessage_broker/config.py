"""Settings of a broker: frozen, validated once, from flags, environment and a TOML file.

Precedence: flag, `CNMESSAGE_BROKER_*` variable, file, default.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cnmessage_broker.given import read_whole

ENVIRONMENT_PREFIX = "CNMESSAGE_BROKER_"
HIGHEST_PORT = 32764
"""The broker takes four ports in a row, all below the ephemeral range: from there libzmq can connect a
reconnecting local client to itself."""


class ConfigError(Exception):
    """A setting is unknown or has no meaning; the text says which and what is allowed."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Rates are per second, a rate of 0 is no limit; sizes in bytes, expiries in seconds."""

    host: str = "127.0.0.1"
    port: int = 12416
    data: Path = Path()
    log_format: str = "text"
    password_workers: int = 2
    password_queue: int = 32
    login_burst: int = 10
    login_rate: float = 0.1
    address_login_burst: int = 100
    address_login_rate: float = 2.0
    send_burst: int = 1_000_000
    send_rate: float = 2000.0
    write_burst: int = 200_000
    write_rate: float = 10_000.0
    read_burst: int = 4_000_000
    read_rate: float = 200_000.0
    connections_per_address: int = 1024
    connection_burst: int = 1024
    connection_rate: float = 50.0
    memory_limit: int = 0
    listeners_per_user: int = 64
    max_listeners: int = 10_000
    file_limit: int = 4 << 30
    file_quota: int = 20 << 30
    file_count: int = 10_000
    file_expiry: int = 30 * 86400
    expiry_grace: int = 86400
    upload_expiry: int = 86400
    disk_reserve: int = 1 << 30
    transfers_per_device: int = 64
    transfers_per_user: int = 256
    max_transfers: int = 4096

    def __post_init__(self) -> None:
        if not 1 <= self.port <= HIGHEST_PORT:
            raise ConfigError(f"port must be from 1 to {HIGHEST_PORT}, not {self.port}")
        if self.log_format not in {"text", "json"}:
            raise ConfigError("log_format must be 'text' or 'json'")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1")
        for name in ("file_expiry", "expiry_grace", "disk_reserve", "memory_limit"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative")
        for name in _RATES:
            if not 0 <= getattr(self, name) < inf:
                raise ConfigError(f"{name} must not be negative nor endless")


_RATES = ("login_rate", "address_login_rate", "send_rate", "write_rate", "read_rate", "connection_rate")
_AT_LEAST_ONE = (
    "password_workers",
    "password_queue",
    "login_burst",
    "address_login_burst",
    "send_burst",
    "write_burst",
    "read_burst",
    "connections_per_address",
    "connection_burst",
    "listeners_per_user",
    "max_listeners",
    "file_limit",
    "file_quota",
    "file_count",
    "upload_expiry",
    "transfers_per_device",
    "transfers_per_user",
    "max_transfers",
)
LIVE = frozenset(
    {
        "login_burst",
        "login_rate",
        "address_login_burst",
        "address_login_rate",
        "send_burst",
        "send_rate",
        "write_burst",
        "write_rate",
        "read_burst",
        "read_rate",
        "listeners_per_user",
        "max_listeners",
        "file_limit",
        "file_quota",
        "file_count",
        "file_expiry",
        "expiry_grace",
        "upload_expiry",
    }
)
"""What a running broker may be given anew; all else it has built something from."""
_KINDS = MappingProxyType({str: "a text", Path: "a path", int: "a whole number", float: "a number"})
SETTINGS = {each.name: each.type for each in fields(Config)}


def load(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Path | None,
    default_data: Path | None,
    *,
    again: bool = False,
) -> Config:
    """Merge the sources; flags that are None do not count. ConfigError names the setting at fault.

    Without `default_data` one of them must say where the data is. `again`: they were read before, so that a
    pipe has nothing more to give.
    """
    values: dict[str, Any] = {} if default_data is None else {"data": default_data}
    if file is not None:
        values |= _from_file(file, again=again)
    for name in SETTINGS:
        text = environment.get(ENVIRONMENT_PREFIX + name.upper())
        if text is not None:
            values[name] = text
    values |= {name: value for name, value in flags.items() if value is not None}
    if "data" not in values:
        raise ConfigError(
            "this user has no home directory to keep data in; name one with --data, or set CNMESSAGE_HOME"
        )
    return Config(**{name: _convert(name, value) for name, value in values.items()})


def changes(running: Config, fresh: Config) -> tuple[Config, list[str], list[str]]:
    """What a running broker goes on with; which settings that changes, and which wait for a restart."""
    differ = [name for name in SETTINGS if getattr(running, name) != getattr(fresh, name)]
    taken = [name for name in differ if name in LIVE]
    values = {name: getattr(fresh, name) for name in taken}
    return replace(running, **values), taken, [name for name in differ if name not in LIVE]


def _from_file(file: Path, *, again: bool) -> dict[str, Any]:
    if again and file.exists() and not file.is_file():
        raise ConfigError(
            f"{file} is no regular file, and what it gave cannot be read again; to change a setting, restart "
            "the broker, or start it with a file"
        )
    try:
        values = tomllib.loads(read_whole(file).decode("utf-8-sig"))  # some editors put the mark first
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    unknown = sorted(values.keys() - SETTINGS.keys())
    if unknown:
        raise ConfigError(f"{file}: unknown setting '{unknown[0]}'; known are {', '.join(SETTINGS)}")
    return values


def _convert(name: str, value: Any) -> Any:
    kind: Any = SETTINGS[name]
    wrong = ConfigError(f"{name} must be {_KINDS[kind]}, not {value!r}")
    if isinstance(value, bool) or (kind is int and isinstance(value, float)):
        raise wrong
    if kind in {str, Path} and not isinstance(value, str | Path):
        raise wrong
    if value == "" and kind is Path:
        raise ConfigError(f"{name} is empty; name a directory")
    try:
        return kind(value)
    except (ValueError, TypeError) as error:
        raise wrong from error
