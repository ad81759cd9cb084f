"""How many transfers a device, a user and all together may have open."""

from collections import defaultdict
from pathlib import Path

import pytest

from cnmessage_broker.config import Config
from cnmessage_broker.files.crowd import Crowd
from cnmessage_broker.files.peers import AuthenticatedDevice, Peer
from cnmessage_broker.net.link import Link
from cnmessage_protocol.errors import ErrorCode, RequestError

LINKS: defaultdict[bytes, Link] = defaultdict(lambda: Link(("127.0.0.1", 1), 0.0))


def enter(crowd: Crowd, key: str, number: int, account: int | None = None, link: bytes = b"l") -> Peer:
    """A device asks; with an account, the reactor has answered."""
    peer, device = (
        Peer(LINKS[key.encode() + link], number.to_bytes(16, "big")),
        AuthenticatedDevice(key, "127.0.0.1"),
    )
    crowd.check(peer, device)
    crowd.enter(peer, device)
    if account is not None:
        crowd.belongs(peer, account)
    return peer


def refused(crowd: Crowd, key: str, number: int, account: int | None = None, link: bytes = b"l") -> str:
    with pytest.raises(RequestError) as caught:
        enter(crowd, key, number, account, link)
    assert caught.value.code is ErrorCode.RATE_LIMITED
    return caught.value.message


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(Config(data=Path("unused"), transfers_per_device=2, transfers_per_user=3, max_transfers=5))


def test_a_device_has_so_many_and_one_that_ends_makes_room(crowd: Crowd) -> None:
    first = enter(crowd, "a", 1)
    enter(crowd, "a", 2)
    enter(crowd, "a", 2)
    assert "2 transfers of one device" in refused(crowd, "a", 3)
    assert crowd.leave(first) == AuthenticatedDevice("a", "127.0.0.1")
    enter(crowd, "a", 3)


def test_a_user_has_so_many_on_all_devices_together(crowd: Crowd) -> None:
    first = enter(crowd, "a", 1, 7)
    enter(crowd, "a", 2, 7)
    enter(crowd, "b", 3, 7)
    assert "3 transfers of one user" in refused(crowd, "b", 4), "as soon as it asks: it is known whose it is"
    assert "3 transfers of one user" in refused(crowd, "c", 5, 7), "once it is known"
    crowd.leave(first)
    enter(crowd, "b", 6, 7)
    assert "one user" in refused(crowd, "d", 7, 7)


def test_all_together_have_so_many(crowd: Crowd) -> None:
    for number in range(5):
        enter(crowd, f"key {number}", number, number)
    assert "all 5 transfers" in refused(crowd, "late", 9)


def test_what_is_asked_again_on_a_fresh_link_has_its_place_but_not_without_end(crowd: Crowd) -> None:
    for number in (1, 2):
        enter(crowd, "a", number, 7)
    for number in (1, 2):
        enter(crowd, "a", number, 7, link=b"fresh")
    assert "one device" in refused(crowd, "a", 1, 7, link=b"third")
