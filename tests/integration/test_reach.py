"""Which of a host's addresses a client uses: it looks names up itself, since libzmq knows one only."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client import Client, Home
from cnmessage_client.address import parse_address
from tests.support.harness import BrokerThread, broker_config, free_port, sign_up
from tests.support.silence import silent

V4, V6 = socket.AF_INET, socket.AF_INET6


def resolver(monkeypatch: pytest.MonkeyPatch, places: Sequence[tuple[socket.AddressFamily, str]]) -> None:
    """On this loop every name means these addresses: they are the resolver's to give, no machine has them."""
    loop = asyncio.get_running_loop()

    async def found(_host: str, port: int, **_: Any) -> list[Any]:
        return [
            (family, socket.SOCK_STREAM, 6, "", (host, port) if family is V4 else (host, port, 0, 0))
            for family, host in places
        ]

    monkeypatch.setattr(loop, "getaddrinfo", found)


SIX, FOUR = (V6, "::1"), (V4, "127.0.0.1")
SERVED = {"::1": {SIX}, "::": {SIX, FOUR}, "127.0.0.1": {FOUR}, "0.0.0.0": {FOUR}}  # noqa: S104 - what it may bind


@pytest.mark.parametrize(
    ("host", "places"),
    [
        (host, places)
        for host, served in SERVED.items()
        for places in ([SIX], [FOUR], [SIX, FOUR], [FOUR, SIX])
        if served & set(places)
    ],
)
def test_every_address_of_a_name_is_tried(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    home: Home,
    host: str,
    places: list[tuple[socket.AddressFamily, str]],
) -> None:
    async def scenario(address: str) -> str:
        resolver(monkeypatch, places)
        key = address.partition("#")[2]
        port = parse_address(address).port
        async with Client(home=home, profile="alice", broker=f"cnm://two.example:{port}#{key}") as client:
            stream = client.messages()
            receipt = await client.send("alice", "to myself")
            assert (await anext(stream)).id == receipt.id
            (sent,) = await client.send_files("alice", [__file__])
            assert sent.error is None
            return (await client.whoami()).user

    with BrokerThread(broker_config(tmp_path / "broker", host=host)) as broker:
        near = broker.address.replace("[::]", "[::1]").replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        asyncio.run(sign_up(near, home, "alice"))
        assert asyncio.run(scenario(near)) == "alice"


def test_an_address_that_is_silent_holds_up_the_next_one_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Home
) -> None:
    port = free_port()

    async def scenario(key: str) -> float:
        resolver(monkeypatch, [(V4, "127.0.0.1"), (V6, "::1")])
        began = asyncio.get_running_loop().time()
        async with Client(home=home, profile="alice", broker=f"cnm://two.example:{port}#{key}") as client:
            await client.whoami()
        return asyncio.get_running_loop().time() - began

    with (
        BrokerThread(broker_config(tmp_path / "broker", host="::1", port=port)) as broker,
        ExitStack() as mute,
    ):
        asyncio.run(sign_up(broker.address, home, "alice"))
        for offset in range(4):
            mute.enter_context(silent(port + offset))
        assert asyncio.run(scenario(broker.address.partition("#")[2])) < 5


def test_a_name_that_moves_to_another_address_is_followed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Home
) -> None:
    port = free_port()
    data = tmp_path / "broker"

    async def scenario(first: BrokerThread) -> str:
        resolver(monkeypatch, [(V4, "127.0.0.1")])
        key = first.address.partition("#")[2]
        async with Client(home=home, profile="alice", broker=f"cnm://moves.example:{port}#{key}") as client:
            stream = client.messages()
            await client.send("alice", "here")
            assert (await anext(stream)).body == "here"
            await asyncio.to_thread(first.__exit__)
            resolver(monkeypatch, [(V6, "::1")])
            with await asyncio.to_thread(BrokerThread, broker_config(data, host="::1", port=port)):
                await client.send("alice", "there", timeout=20)
                return (await anext(stream)).body

    first = BrokerThread(broker_config(data, port=port))
    first.__enter__()
    asyncio.run(sign_up(first.address, home, "alice"))
    assert asyncio.run(scenario(first)) == "there"
