"""Whom one talks with: one value, one spelling on the wire, one on a screen."""

import pytest
from hypothesis import given

from cnmessage_protocol.codec import REPLY_LIMITS, decode, encode
from cnmessage_protocol.conversation import Conversation, Direct, Everyone, from_wire, on_screen, to_wire
from cnmessage_protocol.ids import RESERVED_NAMES, UserName, new_user_name
from tests.unit.protocol.strategies import NAMES

SPELLED: list[tuple[Conversation, str]] = [(Direct(UserName("bob")), "bob"), (Everyone(), "all")]
spelled = pytest.mark.parametrize(("conversation", "text"), SPELLED)


@spelled
def test_a_conversation_has_one_spelling_on_the_wire(conversation: Conversation, text: str) -> None:
    assert to_wire(conversation) == text
    assert from_wire(text) == from_wire(text.upper()) == conversation
    assert decode(encode([conversation]), REPLY_LIMITS) == [text]


@spelled
def test_a_person_reads_and_types_the_same_word(conversation: Conversation, text: str) -> None:
    assert on_screen(conversation) == text


@given(NAMES)
def test_every_name_stands_for_one_conversation(name: str) -> None:
    assert to_wire(from_wire(name)) == name


@pytest.mark.parametrize("text", ["", "b b", "é", "#ops", "x" * 33])
def test_what_is_no_name_is_no_conversation(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 characters"):
        from_wire(text)


def test_conversations_are_told_apart_and_kept_once() -> None:
    bob, carol = Direct(UserName("bob")), Direct(UserName("carol"))
    assert len({bob, carol, Everyone(), from_wire("bob"), from_wire("all")}) == 3


def test_nobody_can_take_the_word_for_everyone() -> None:
    assert to_wire(Everyone()) in RESERVED_NAMES
    with pytest.raises(ValueError, match="reserved"):
        new_user_name(to_wire(Everyone()))
