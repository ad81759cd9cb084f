"""A password, and a file's name, that are typed on one system are found on another."""

import asyncio
from pathlib import Path
from unicodedata import normalize

import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from tests.support.harness import BrokerThread
from tests.support.raw import Raw, ask, new_keys

SECRET = "pässwörd für alle"


def test_a_password_of_one_system_logs_in_on_another(broker: BrokerThread, home: Home) -> None:
    apart, composed = normalize("NFD", SECRET), normalize("NFC", SECRET)
    with Raw(broker.address) as raw:

        def refused(verb: str, **values: str) -> object:
            error = ask(raw.dealer(new_keys()), verb, values).error
            return None if error is None else error.code

        assert refused("signup", name="alice", password=apart) is None
        assert refused("login", name="alice", password=composed) is None
        assert refused("signup", name="alice", password=composed) is None, "a repeated signup is a login"
        assert refused("login", name="alice", password="passwort fur alle") is ErrorCode.BAD_CREDENTIALS

    async def scenario() -> None:
        async with Client(home=home, profile="one", broker=broker.address) as client:
            await client.login("alice", composed)
            await client.passwd(apart, f"{composed} neu")
        async with Client(home=home, profile="two", broker=broker.address) as client:
            with pytest.raises(CnMessageError):
                await client.login("alice", apart)
            await client.login("alice", f"{apart} neu")

    asyncio.run(scenario())


def test_a_files_name_travels_in_one_form(broker: BrokerThread, home: Home, tmp_path: Path) -> None:
    path = tmp_path / normalize("NFD", "Übung.txt")
    path.write_text("x")

    async def scenario() -> None:
        async with Client(home=home, profile="one", broker=broker.address) as client:
            await client.signup("alice", SECRET)
            await client.send_files("alice", [path])
            [info] = await client.files(sent=False)
            assert info.name == normalize("NFC", "Übung.txt")

    asyncio.run(scenario())
