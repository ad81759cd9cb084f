"""The data directory and the accounts that every attack starts from: made once, copied for each.

Signing up costs a password hash each, so it is done with wide budgets; attacked brokers have default ones.
"""

import asyncio
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnmessage_client import Client, Home
from cnmessage_protocol.envelope import unpack_reply
from cnmessage_protocol.ids import parse_id
from tests.attacks.ground import Account, Place
from tests.support.harness import PASSWORD, BrokerProcess
from tests.support.raw import Raw, frame, new_keys
from tests.support.rows import message_row

HONEST = 10
CROWD = 256
"""As many as one message may name."""

_FILE_LINES = 64 << 10
_LETTERS = 30
"""Marked messages in the owner's inbox."""

_PATIENCE_MS = 60_000
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Scene:
    """A prepared data directory; `at` gives a copy of it."""

    folder: Path
    place: Place

    @property
    def data(self) -> Path:
        """The prepared data; never served again, only copied."""
        return self.folder / "prepared"

    def copy(self, target: Path) -> Path:
        """A data directory of its own."""
        shutil.copytree(self.data, target)
        return target

    def at(self, address: str) -> Place:
        """The same accounts behind another address."""
        return replace(self.place, address=address)


def prepare(folder: Path) -> Scene:
    """Make the accounts, the owner's marked messages and the owner's marked file."""
    mark = f"mark-{secrets.token_hex(8)}"
    names = [*(f"honest-{number}" for number in range(HONEST)), "newcomer", "owner"]
    accounts = [_account(name) for name in [*names, *(f"c{number}" for number in range(CROWD))]]
    honest, (newcomer, owner) = tuple(accounts[:HONEST]), accounts[HONEST : HONEST + 2]
    with BrokerProcess(folder / "prepared", CNMESSAGE_BROKER_PASSWORD_QUEUE="1000") as broker:
        with Raw(broker.address) as raw:
            for start in range(0, len(accounts), _AT_ONCE):
                _sign_up(raw, accounts[start : start + _AT_ONCE])
        text = f"{mark} a line of a file that is nobody else's\n"
        place = Place(broker.address, mark, honest, newcomer, owner, tuple(accounts[HONEST + 2 :]), "", 0)
        file = asyncio.run(_give(folder, place, text * _FILE_LINES))
        broker.stop()
    return Scene(folder, replace(place, file=file, file_size=len(text) * _FILE_LINES))


def _account(name: str) -> Account:
    keys = new_keys()
    return Account(name, keys.public.decode(), keys.secret.decode())


def _sign_up(raw: Raw, accounts: Sequence[Account]) -> None:
    peers = [raw.dealer(account.keys) for account in accounts]
    for peer, account in zip(peers, accounts, strict=True):
        peer.send(frame("signup", {"name": account.name, "password": PASSWORD}))
    for peer in peers:
        assert peer.poll(_PATIENCE_MS), "a signup had no answer"
        reply = unpack_reply(peer.recv())
        assert reply.error is None, reply.error
        peer.close(linger=0)


async def _give(folder: Path, place: Place, text: str) -> str:
    """What the owner has been sent; gives the file's id."""
    source = folder / "letter.txt"
    source.write_text(text, encoding="utf-8")
    sender = place.honest[0]
    home = Home(folder / "giver", folder / "giver" / "state")
    home.profile(sender.name).keep_keys(sender.keys)
    home.profile(sender.name).remember(broker=place.address, user=sender.name)
    async with Client(home=home, profile=sender.name, broker=place.address) as client:
        for number in range(_LETTERS):
            await client.send(place.owner.name, f"{place.mark} a letter, number {number}")
        (sent,) = await client.send_files(place.owner.name, [source])
        assert sent.error is None, sent.error
        return parse_id(sent.id).hex()


def rows(count: int, to: Sequence[str], body: str) -> list[list[object]]:
    """Outgoing rows with ids of their own."""
    return [message_row(list(to), body) for _ in range(count)]
