"""Guessing passwords, and what a stolen database is worth."""

import asyncio
import re
from pathlib import Path

import apsw
import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_broker.loop.passwords import OWASP
from cnmessage_client import Client, Home
from cnmessage_protocol.envelope import Reply
from cnmessage_protocol.errors import ErrorCode
from tests.support.harness import PASSWORD, BrokerThread, broker_config, sign_up
from tests.support.raw import Raw, ask, new_keys


def _code(reply: Reply) -> ErrorCode:
    assert reply.error is not None
    return reply.error.code


@pytest.mark.parametrize("subject", ["account", "key", "address"])
def test_the_budgets_bite_before_anything_is_hashed(
    tmp_path: Path,
    home: Home,
    subject: str,
) -> None:
    narrow = {"login_burst": 100_000, "address_login_burst": 100_000}
    narrow |= {"address_login_burst": 5} if subject == "address" else {"login_burst": 5}
    with (
        BrokerThread(broker_config(tmp_path / "broker", **narrow), passwords=OWASP) as running,
        Raw(running.address) as raw,
    ):
        one = raw.dealer(new_keys())
        codes = []
        for attempt in range(40):
            peer = one if subject == "key" else raw.dealer(new_keys())
            name = "alice" if subject == "account" else f"name{attempt}"
            codes.append(_code(ask(peer, "login", {"name": name, "password": f"guess {attempt}"})))
    assert codes[:5] == [ErrorCode.BAD_CREDENTIALS] * 5
    assert codes.count(ErrorCode.RATE_LIMITED) >= 30
    assert running.broker.passwords.taken == codes.count(ErrorCode.BAD_CREDENTIALS)


def test_old_passwords_have_a_budget_that_no_stranger_can_spend(
    tmp_path: Path,
    home: Home,
) -> None:
    with (
        BrokerThread(broker_config(tmp_path / "broker", login_burst=3), passwords=OWASP) as running,
        Raw(running.address) as raw,
    ):
        asyncio.run(sign_up(running.address, home, "alice"))
        alice = raw.dealer(home.profile("alice").keys(new_keys))
        before = running.broker.passwords.taken
        wrong = {"name": "alice", "password": "guess number one"}
        strangers = [_code(ask(raw.dealer(new_keys()), verb, wrong)) for verb in ("signup", "login") * 3]
        assert strangers[-1] is ErrorCode.RATE_LIMITED
        assert running.broker.passwords.taken - before == 2  # of a burst of three, alice's signup took one
        codes = [_code(ask(alice, "passwd", {"old": "guess", "new": "another password"})) for _ in range(6)]
    assert codes == [ErrorCode.BAD_CREDENTIALS] * 3 + [ErrorCode.RATE_LIMITED] * 3


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(broker: BrokerThread, home: Home) -> None:
    asyncio.run(sign_up(broker.address, home, "alice"))
    with Raw(broker.address) as raw:
        peer = raw.dealer(new_keys())
        known = ask(peer, "login", {"name": "alice", "password": "a wrong one"}).error
        unknown = ask(peer, "login", {"name": "nobody", "password": "a wrong one"}).error
    assert known is not None
    assert unknown is not None
    assert (known.code, known.message) == (unknown.code, unknown.message)


def test_a_full_queue_of_passwords_says_busy_and_messages_go_on(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker", password_queue=2, password_workers=1)

    async def chat() -> None:
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            stream = bob.messages()
            for number in range(20):
                await alice.send("bob", str(number))
                assert (await asyncio.wait_for(anext(stream), 2)).body == str(number)

    with BrokerThread(config, passwords=OWASP) as running, Raw(running.address) as raw:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        flood = [raw.dealer(new_keys()) for _ in range(8)]  # one key has one password looked at at a time
        for number in range(200):
            flood[number % len(flood)].send(_login(number))
        asyncio.run(chat())
        codes = {_code(ask(raw.dealer(new_keys()), "login", {"name": "x", "password": "y"}))}
        for each in flood:
            while each.poll(2000) and len(codes) < 2:
                codes.add(_code(_unpack(each.recv())))
    assert codes == {ErrorCode.BUSY, ErrorCode.BAD_CREDENTIALS}


def _login(number: int) -> bytes:
    from tests.support.raw import frame

    return frame("login", {"name": f"name{number}", "password": "guess"}, number)


def _unpack(data: bytes) -> Reply:
    from cnmessage_protocol.envelope import unpack_reply

    return unpack_reply(data)


def test_a_stolen_database_holds_no_usable_secret(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker")
    listener = key = b""

    async def scenario() -> None:
        nonlocal listener, key
        await sign_up(running.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            await alice.send("bob", "hello")
            await anext(bob.messages())
            attached = bob._session.attached
            assert attached is not None
            listener, key = attached.listener, attached.key
            await alice.passwd(PASSWORD, "a later password")

    with BrokerThread(config, passwords=OWASP) as running:
        asyncio.run(scenario())
        # While it runs, so that the write-ahead log is searched as well.
        dump = b"".join(path.read_bytes() for path in config.data.glob(f"{DATABASE}*"))
    assert b"alice" in dump, "the search would find what is there"
    secrets = [PASSWORD.encode(), b"a later password", listener, key]
    secrets += [home.profile(name).keys(new_keys).secret for name in ("alice", "bob")]
    secrets.append((config.data / "broker.key").read_bytes().strip())
    assert [secret for secret in secrets if secret in dump] == []

    database = apsw.Connection(str(config.data / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    hashes = [text for (text,) in database.execute("SELECT password FROM account")]
    database.close()
    pattern = re.compile(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\$\S+")
    assert len(hashes) == 2
    assert all(pattern.fullmatch(text) for text in hashes)


def test_keys_on_disk_are_for_their_owner_alone(broker: BrokerThread, home: Home) -> None:
    asyncio.run(sign_up(broker.address, home, "alice"))
    for path in (broker.broker.config.data / "broker.key", home.profile("alice").folder / "device.key"):
        assert path.stat().st_mode & 0o077 == 0
