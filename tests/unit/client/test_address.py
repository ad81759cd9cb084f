"""Addresses of brokers, as people write them."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.address import Address, parse_address
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
        ("[0:0::0:1]:9", Address("::1", 9, None)),
        ("[fe80::1%eth0]:9", Address("fe80::1%eth0", 9, None)),
        ("Host.Example:9", Address("host.example", 9, None)),
        ("ümlaut.de:9", Address("xn--mlaut-jva.de", 9, None)),
        ("bücher.example", Address("xn--bcher-kva.example", 12416, None)),
        ("my_service:9", Address("my_service", 9, None)),
        ("host.:9", Address("host.", 9, None)),
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
        "user@host:9",
        "cnm://user:secret@host:9",
        "*:9",
        "[::1",
        "[::1]9",
        "::1]:9",
        "[::1]:",
        "[zz]:9",
        "[127.0.0.1]:9",
        "host:99999",
        "host:-1",
        "host:+9",
        "host:\uff19",
        "host:0x10",
        "host: 9",
        " host:9",
        "host\n:9",
        "host\x00:9",
        "tcp://host:9",
        "cnm://",
        "cnm://cnm://host",
        "host:9/path",
        "host?x:9",
        "a..b:9",
        ".:9",
        "-host:9",
        "host-:9",
        "ho;st:9",
        "ho%st:9",
        "ü..de:9",
        f"{'a' * 64}.de:9",
        f"{'ü' * 64}.de:9",
        f"{'a.' * 127}de:9",
        "1.2.3:9",
        "1.2.3.4.5:9",
        "256.1.1.1:9",
        "127.1:9",
        "host.123:9",
    ],
)
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(CnMessageError) as caught:
        parse_address(text)
    assert caught.value.code is ErrorCode.USAGE
    assert "HOST" in caught.value.message or "copy the whole line" in caught.value.message


_LETTERS = "ab.-:[]@*%#/ü1\u0660ß\u2024 "


@given(st.text(max_size=40) | st.text(alphabet=_LETTERS, max_size=20))
def test_no_text_makes_anything_but_an_address_or_a_usage_error(text: str) -> None:
    code, address = ErrorCode.USAGE, None
    try:
        address = parse_address(text)
    except CnMessageError as error:
        code = error.code
    assert code is ErrorCode.USAGE
    assert address is None or parse_address(address.place)[:2] == address[:2]


def test_what_looks_like_this_machine_and_is_a_name_is_not_on_it() -> None:
    near = ("127.0.0.1", "127.9.9.9", "localhost", "[::1]")
    far = ("127.example.com", "localhost.example.com", "128.0.0.1", "[::2]", "xlocalhost")
    assert all(parse_address(each).on_this_machine for each in near)
    assert not any(parse_address(each).on_this_machine for each in far)
