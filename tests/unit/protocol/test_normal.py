"""What is compared is compared in one normal form, whichever keyboard it was typed on."""

from typing import Any
from unicodedata import normalize

import pytest

from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.files.channel import Put
from cnmessage_protocol.ids import user_name
from cnmessage_protocol.requests import parse_request
from cnmessage_protocol.schema import build

TYPED = ["pässwörd", "Ångström", "가나다라마바사아", "ﬁve ﬁshes", "plain and long"]
SECRETS = {
    "signup": ("password",),
    "login": ("password",),
    "passwd": ("old", "new"),
}


def parsed(verb: str, text: str) -> list[str]:
    values: dict[str, Any] = dict.fromkeys(SECRETS[verb], text)
    request = parse_request(verb, values if verb == "passwd" else {"name": "alice", **values})
    return [getattr(request, each) for each in SECRETS[verb]]


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize("verb", SECRETS)
def test_a_password_is_the_same_however_its_letters_are_put_together(verb: str, text: str) -> None:
    composed, apart = normalize("NFC", text), normalize("NFD", text)
    assert set(parsed(verb, apart)) == set(parsed(verb, composed)) == {composed}


def test_letters_that_only_look_alike_are_other_letters() -> None:
    assert parsed("login", "ﬁve") != parsed("login", "five")


def test_a_password_has_the_bytes_of_its_normal_form() -> None:
    apart = normalize("NFD", "äöü")
    assert len(apart.encode()) > 8
    with pytest.raises(ProtocolError, match="at least 8 bytes"):
        parsed("signup", apart)
    assert parsed("signup", normalize("NFD", "ä" * 512)) == ["ä" * 512]
    with pytest.raises(ProtocolError) as caught:
        parsed("signup", "ä" * 513)
    assert caught.value.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize("text", TYPED)
def test_a_files_name_is_the_same_however_its_letters_are_put_together(text: str) -> None:
    values = {"size": 1, "to": ["bob"]}
    puts = {build(Put, {"name": normalize(form, text), **values}) for form in ("NFC", "NFD")}
    assert [each.name for each in puts] == [normalize("NFC", text)]


def test_a_users_name_has_one_form_only() -> None:
    for text in ("zoë", normalize("NFD", "zoë"), "\N{KELVIN SIGN}ate"):
        with pytest.raises(ValueError, match="a user name has"):
            user_name(text)
