"""The checker is worth what it finds: one sound run, then planted faults, each of which must be seen."""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from msgspec import structs

from cnmessage_broker.app import DATABASE
from cnmessage_client import Client, Home
from tests.faults.checker import Handed, Journal, check
from tests.support.harness import BrokerThread, broker_config, home_at, sign_up
from tests.support.patience import PATIENCE

Run = tuple[Path, list[Journal]]
MESSAGES = 6


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A database and journals of a run without faults: alice writes to bob, carol has no part in it."""
    folder = tmp_path_factory.mktemp("sound")
    config = broker_config(folder / "broker")
    home = home_at(folder / "home")
    with BrokerThread(config) as running:
        journals = asyncio.run(_talk(running.address, home))
    return config.data / DATABASE, journals


async def _talk(address: str, home: Home) -> list[Journal]:
    await sign_up(address, home, "alice", "bob", "carol")
    alice_saw, bob_saw, carol_saw = Journal("alice"), Journal("bob"), Journal("carol")
    async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
        stream = bob.messages()
        for number in range(MESSAGES):
            receipt = await alice.send("bob", f"body {number}")
            alice_saw.handed.append(Handed(receipt.client_id, ("bob",), f"body {number}"))
            alice_saw.acked[receipt.client_id] = receipt
            bob_saw.shown.append(await asyncio.wait_for(anext(stream), PATIENCE))
    return [alice_saw, bob_saw, carol_saw]


def test_a_sound_run_is_found_sound(sound: Run) -> None:
    database, journals = sound
    assert len(journals[0].acked) == len(journals[1].shown) == MESSAGES
    assert check(database, journals) == []


def _bob() -> str:
    return "(SELECT id FROM account WHERE name = 'bob')"


def _message(number: int) -> str:
    return f"(SELECT id FROM message WHERE body = 'body {number}')"


# ruff: noqa: S608, ISC004 - statements made of constants of this file
DAMAGE = {
    "acknowledged before the commit": (
        "I1",
        f"DELETE FROM inbox WHERE message = {_message(5)}; DELETE FROM message WHERE body = 'body 5';"
        "UPDATE account SET head = 5, read_upto = 0, received_upto = 0 WHERE name IN ('alice', 'bob')",
    ),
    "stored with another body": ("I1", "UPDATE message SET body = 'body X' WHERE body = 'body 2'"),
    "no inbox row for the recipient": (
        "I2",
        f"DELETE FROM inbox WHERE owner = {_bob()} AND seq = 6;"
        "UPDATE account SET head = 5, read_upto = 0, received_upto = 0 WHERE name = 'bob'",
    ),
    "no check for duplicates": (
        "I5",
        "INSERT INTO message SELECT randomblob(16), sender, randomblob(16), kind, recipients, "
        "body, sent_at, own_seq, places, checksum FROM message WHERE body = 'body 1'",
    ),
    "the same message twice in an inbox": (
        "I2",
        f"INSERT INTO inbox (owner, seq, message, direction) VALUES ({_bob()}, 7, {_message(1)}, 0);"
        "UPDATE account SET head = 7 WHERE name = 'bob'",
    ),
    "delivered to a stranger": (
        "I3",
        "INSERT INTO inbox (owner, seq, message, direction) "
        f"SELECT id, 1, {_message(1)}, 0 FROM account WHERE name = 'carol';"
        "UPDATE account SET head = 1 WHERE name = 'carol'",
    ),
    "a message nobody wrote": (
        "I3",
        "INSERT INTO message SELECT randomblob(16), sender, randomblob(16), kind, recipients,"
        " 'forged', sent_at, own_seq, places, checksum FROM message WHERE body = 'body 1'",
    ),
    "a gap in the numbers": ("I4", f"DELETE FROM inbox WHERE owner = {_bob()} AND seq = 3"),
    "the head was not raised": (
        "I4",
        "UPDATE account SET head = 4, read_upto = 0, received_upto = 0 WHERE id = 2",
    ),
    "two messages changed places": (
        "I4",
        f"UPDATE inbox SET message = CASE seq WHEN 2 THEN {_message(2)} ELSE {_message(1)} END"
        f" WHERE owner = {_bob()} AND seq IN (2, 3)",
    ),
    "a mark above the head": ("I8", "UPDATE account SET read_upto = head + 1 WHERE name = 'bob'"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_fault_planted_in_the_database_is_seen(sound: Run, tmp_path: Path, name: str) -> None:
    database, journals = sound
    invariant, statements = DAMAGE[name]
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(database.read_bytes())
    connection = apsw.Connection(str(damaged))
    connection.execute(statements)
    assert connection.totalchanges() > 0
    connection.close()
    assert invariant in {line[:2] for line in check(damaged, journals)}


def test_a_broken_database_page_is_seen(sound: Run, tmp_path: Path) -> None:
    database, journals = sound
    connection = apsw.Connection(str(tmp_path / "damaged.db"))
    connection.deserialize("main", database.read_bytes())
    connection.close()
    content = bytearray(database.read_bytes())
    # The index over client ids no longer agrees with its table.
    place = content.rfind(b"body 3")
    content[place - 40 : place - 30] = bytes(10)
    (tmp_path / "damaged.db").write_bytes(content)
    try:
        lines = check(tmp_path / "damaged.db", journals)
    except (apsw.Error, ValueError, KeyError):
        return
    assert lines != []


def _shown_twice(journals: list[Journal]) -> None:
    journals[1].shown.append(journals[1].shown[-1])


def _shown_in_another_order(journals: list[Journal]) -> None:
    journals[1].shown[1:3] = reversed(journals[1].shown[1:3])


def _one_never_shown(journals: list[Journal]) -> None:
    del journals[1].shown[2]


def _shown_to_a_stranger(journals: list[Journal]) -> None:
    journals[2].shown.append(structs.replace(journals[1].shown[0], seq=1))


def _shown_beyond_the_head(journals: list[Journal]) -> None:
    journals[1].shown.append(structs.replace(journals[1].shown[-1], seq=99))


def _another_ack(journals: list[Journal]) -> None:
    client_id, receipt = next(iter(journals[0].acked.items()))
    journals[0].acked[client_id] = structs.replace(receipt, seq=receipt.seq + 1)


@pytest.mark.parametrize(
    ("invariant", "plant"),
    [
        ("I2", _shown_twice),
        ("I4", _shown_in_another_order),
        ("I2", _one_never_shown),
        ("I8", _shown_to_a_stranger),
        ("I8", _shown_beyond_the_head),
        ("I1", _another_ack),
    ],
)
def test_a_fault_planted_in_a_journal_is_seen(
    sound: Run,
    invariant: str,
    plant: Callable[[list[Journal]], None],
) -> None:
    database, journals = sound
    changed = copy.deepcopy(journals)
    plant(changed)
    assert invariant in {line[:2] for line in check(database, changed)}
