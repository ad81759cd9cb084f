"""Names, UUIDv7 and fingerprints: pure functions with sharp edges."""

# ruff: noqa: RUF001 - look-alike letters are what this file is about

import unicodedata
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.ids import (
    RESERVED_NAMES,
    fingerprint,
    id_text,
    new_user_name,
    parse_id,
    user_name,
    uuid7,
)
from tests.unit.protocol.strategies import NAMES, thorough

VICTIMS = ("alice", "bob", "kim", "paypal", "root1", "sigma-2", "team.ops")
# Letters that a person reads as the ASCII one: Cyrillic, Greek, Latin with marks, full width, small capitals,
# mathematical alphabets, and letters whose lower case is ASCII or whose compatibility form is.
TWINS = {
    "a": "аαáàâäãåāąạǎ\uff41ᴀ𝐚𝑎𝒂𝗮𝘢𝚊ɑⓐ",
    "b": "Ьβḃḅƀ\uff42ʙ𝐛𝑏𝒃𝗯𝘣𝚋ⓑ",
    "c": "сϲćčçċ\uff43ᴄ𝐜𝑐𝒄𝗰𝘤𝚌ⓒ",
    "e": "еεéèêëēęě\uff45ᴇ𝐞𝑒𝒆𝗲𝘦𝚎ⓔ",
    "g": "ɡġģğ\uff47ɢ𝐠𝑔𝒈𝗴𝘨𝚐ⓖ",
    "i": "іιíìîïīįı\uff49ɪ𝐢𝑖𝒊𝗶𝘪𝚒ⓘİ",
    "k": "кκķ\uff4bᴋ𝐤𝑘𝒌𝗸𝘬𝚔ⓚ\u212a",
    "l": "ӏłļľĺ\uff4cʟ𝐥𝑙𝒍𝗹𝘭𝚕ⓛⅼ",
    "m": "мṁṃ\uff4dᴍ𝐦𝑚𝒎𝗺𝘮𝚖ⓜⅿ",
    "o": "оοóòôöõøōő\uff4fᴏ𝐨𝑜𝒐𝗼𝘰𝚘ⓞ",
    "p": "рρṗ\uff50ᴘ𝐩𝑝𝒑𝗽𝘱𝚙ⓟ",
    "s": "ѕśšşṡ\uff53ꜱ𝐬𝑠𝒔𝘀𝘴𝚜ⓢſ",
    "t": "тτťţṭ\uff54ᴛ𝐭𝑡𝒕𝘁𝘵𝚝ⓣ",
    "y": "уγýÿŷ\uff59ʏ𝐲𝑦𝒚𝘆𝘺𝚢ⓨ",
    ".": "․。\uff0e·",
    "-": "‐‑‒–—−\uff0d",
}
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\u0301\x00\t\n \u00a0\u0085"


def lookalikes() -> list[str]:
    """Every victim with one letter exchanged, composed and decomposed, or with something unseen in it."""
    variants = set()
    for victim in VICTIMS:
        for place, letter in enumerate(victim):
            for twin in TWINS.get(letter, ""):
                variant = victim[:place] + twin + victim[place + 1 :]
                variants |= {variant, unicodedata.normalize("NFD", variant), variant.upper()}
        for unseen in INVISIBLE:
            variants |= {victim + unseen, unseen + victim, victim[:1] + unseen + victim[1:]}
    return sorted(each for each in variants if not each.isascii() or each.lower() not in VICTIMS)


@given(NAMES)
def test_a_well_formed_name_is_kept_and_lower_cased(name: str) -> None:
    assert user_name(name) == user_name(name.upper()) == name


@pytest.mark.parametrize("name", ["a", "0", "a" * 32, "a.b_c-d", "9lives", "A"])
def test_names_at_the_bounds_are_accepted(name: str) -> None:
    assert new_user_name(name) == name.lower()


@pytest.mark.parametrize(
    "name", ["", "a" * 33, ".a", "-a", "_a", "a b", "a\n", "a\x00", "a/b", "a@b", "é", "a" * 31 + "é", "٣"]
)
def test_names_beyond_the_bounds_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 characters"):
        user_name(name)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_name_cannot_be_taken_in_any_case(name: str) -> None:
    for spelling in (name, name.upper(), name.title()):
        with pytest.raises(ValueError, match="reserved"):
            new_user_name(spelling)
    assert user_name(name) == name


def test_five_hundred_look_alike_names_are_refused() -> None:
    variants = lookalikes()
    assert len(variants) >= 500
    taken = []
    for each in variants:
        try:
            taken.append((each, user_name(each)))
        except ValueError:
            continue
    assert taken == []


@thorough(300, 3000)
@given(st.text(max_size=40))
def test_any_text_is_a_plain_ascii_name_or_refused(text: str) -> None:
    try:
        name = user_name(text)
    except ValueError:
        return
    assert name.isascii()
    assert 1 <= len(name) <= 32
    assert text.isascii()


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=20))
def test_a_uuid7_has_the_layout_of_rfc_9562(milliseconds: int, randomness: bytes) -> None:
    raw = uuid7(milliseconds, randomness)
    parsed = UUID(bytes=raw)
    assert len(raw) == 16
    assert parsed.version == 7
    assert parsed.variant == "specified in RFC 4122"
    assert int.from_bytes(raw[:6], "big") == milliseconds
    # 74 bits are the randomness, but for the four of the version and the two of the variant.
    kept = int.from_bytes(raw[6:], "big") & ~(0xF << 76) & ~(0x3 << 62)
    assert kept == int.from_bytes(randomness[:10], "big") & ~(0xF << 76) & ~(0x3 << 62)
    assert parse_id(id_text(raw)) == raw


def test_the_uuid7_of_the_rfc_example_comes_out() -> None:
    # RFC 9562, A.6: rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F, unix_ts_ms 0x017F22E279B0.
    randomness = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert id_text(uuid7(0x017F22E279B0, randomness)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(
    st.integers(0, (1 << 48) - 2), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10)
)
def test_a_later_uuid7_sorts_after_an_earlier_one(milliseconds: int, first: bytes, second: bytes) -> None:
    assert uuid7(milliseconds, first) < uuid7(milliseconds + 1, second)


@pytest.mark.parametrize("text", ["", "x", "017f22e2", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "g" * 32])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no id; one looks like"):
        parse_id(text)


def test_a_fingerprint_is_the_openssh_form() -> None:
    assert fingerprint(bytes(32)) == "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU"
