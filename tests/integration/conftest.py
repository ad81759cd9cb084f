"""Peers of the file channel, without a machine behind them."""

import asyncio
from collections.abc import Iterator

import pytest

from cnmessage_client import Home
from cnmessage_client.link.connection import new_key_pair
from cnmessage_client.profile import KeyPair
from tests.support.channel import FilePeer
from tests.support.harness import BrokerThread, sign_up


@pytest.fixture
def keys(broker: BrokerThread, home: Home) -> dict[str, KeyPair]:
    """Device keys of alice, bob and eve, who are logged in."""
    names = ("alice", "bob", "eve")
    asyncio.run(sign_up(broker.address, home, *names))
    return {name: home.profile(name).keys(new_key_pair) for name in names}


@pytest.fixture
def alice(broker: BrokerThread, keys: dict[str, KeyPair]) -> Iterator[FilePeer]:
    with FilePeer(broker.address, keys["alice"]) as peer:
        yield peer


@pytest.fixture
def bob(broker: BrokerThread, keys: dict[str, KeyPair]) -> Iterator[FilePeer]:
    with FilePeer(broker.address, keys["bob"]) as peer:
        yield peer
