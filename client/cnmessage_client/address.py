"""Where a broker is: what people write as its address, checked, and spelled in one way. Knows no socket."""

import re
from base64 import urlsafe_b64decode
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple, NoReturn

from cnmessage_protocol.errors import CnMessageError, ErrorCode

DEFAULT_PORT = 12416
DEFAULT_BROKER = f"127.0.0.1:{DEFAULT_PORT}"
SCHEME = "cnm://"
_HIGHEST_PORT = 65532
_KEY_SIZE = 32
_LONGEST_NAME = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_FORM = "write HOST, HOST:PORT or cnm://HOST:PORT#KEY"


class Address(NamedTuple):
    """Where a broker is, and its raw public key if the address told it.

    `host` is a name in lower case, in the letters that DNS has, or a number; an IPv6 one without brackets.
    """

    host: str
    port: int
    key: bytes | None

    @property
    def place(self) -> str:
        """HOST:PORT, as known_brokers lists it."""
        return self.place_of(0)

    def place_of(self, offset: int) -> str:
        """HOST:PORT of one of the broker's ports, counted from its first."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port + offset}"

    @property
    def in_numbers(self) -> bool:
        """Whether the host is a number, so that there is nothing to look up."""
        return ":" in self.host or _is_number(self.host)

    @property
    def on_this_machine(self) -> bool:
        """Whether the host is this machine itself, by its number or as `localhost`."""
        if ":" in self.host:
            return IPv6Address(self.host).is_loopback
        return self.host == "localhost" or (_is_number(self.host) and IPv4Address(self.host).is_loopback)


def parse_address(text: str) -> Address:
    """`HOST[:PORT]` or `cnm://HOST:PORT#KEY`; a usage error says what is wrong with it."""
    rest, has_key, key_text = text.removeprefix(SCHEME).partition("#")
    if has_key and not key_text:
        _refuse(text, "the key behind '#' is missing; copy the whole line that the broker shows")
    rest = rest.removesuffix("/")
    scheme, separator, _ = rest.partition("://")
    if separator:
        _refuse(text, f"'{scheme}://' does not belong there; {_FORM}")
    if "@" in rest:
        _refuse(text, f"it names no user, login does; {_FORM}")
    match = re.fullmatch(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?P<port>:.*)?", rest)
    if match is None or (match["host"] is not None and rest.count(":") > 1):
        _refuse(text, f"{_FORM}; an IPv6 address in brackets: [::1]:{DEFAULT_PORT}")
    six, port = match["six"], match["port"]
    host = _host(text, match["host"]) if six is None else _six(text, six)
    return Address(host, DEFAULT_PORT if port is None else _port(text, port[1:]), _key(text, key_text))


def _host(text: str, name: str) -> str:
    """A name or an IPv4 address; names of other scripts in the letters that DNS has."""
    try:
        host = name.lower() if name.isascii() else name.encode("idna").decode().lower()
    except UnicodeError:
        host = ""
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.match, labels)):
        _refuse(text, f"no host can be called '{name}'; {_FORM}")
    if labels[-1].isdecimal() and not _is_number(host):
        _refuse(text, f"'{name}' is neither a name nor four numbers; {_FORM}")
    return host


def _six(text: str, number: str) -> str:
    try:
        return str(IPv6Address(number))
    except AddressValueError:
        _refuse(text, f"'{number}' is no IPv6 address; {_FORM}")


def _port(text: str, digits: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", digits) is None or not 1 <= int(digits) <= _HIGHEST_PORT:
        # A broker listens on four ports in a row.
        _refuse(text, f"a port is a number from 1 to {_HIGHEST_PORT}, not '{digits}'; {_FORM}")
    return int(digits)


def _key(text: str, letters: str) -> bytes | None:
    if not letters:
        return None
    try:
        key = urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
    except ValueError:
        key = b""
    if len(key) != _KEY_SIZE:
        raise CnMessageError(
            ErrorCode.USAGE, f"the key after # in '{text}' is damaged; copy the whole line again"
        )
    return key


def _is_number(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _refuse(text: str, why: str) -> NoReturn:
    raise CnMessageError(ErrorCode.USAGE, f"'{text}' is not a broker's address: {why}")
