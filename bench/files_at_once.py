"""Ten users who move a file each at the same time, every one a process of its own.

python -m bench.files_at_once user SETTINGS
"""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.broker import running_broker
from bench.files import made
from bench.memory import warm
from bench.processes import Party, ended, ready, report, settings, wait_for_go
from bench.product import client_of, sign_up

_MIB = 1 << 20


def measure(folder: Path, users: int, size: int) -> tuple[float, float]:
    """MiB per second of `users` uploads at once, then of as many downloads; `size` bytes are all of them."""
    each = size // users // _MIB * _MIB
    with running_broker(folder / "broker") as broker, ExitStack() as stack:
        parties = []
        for number in range(users):
            place = folder / str(number)
            place.mkdir()
            party = Party.begun(
                "bench.files_at_once",
                "user",
                home=str(place / "home"),
                broker=broker.address,
                folder=str(place),
                names=(f"alice{number}", f"bob{number}"),
                size=each,
            )
            stack.enter_context(ended(party))
            parties.append(party)
        for party in parties:
            party.wait_for("ready")
        warm(folder, size)
        started = _let_go(parties)
        uploaded = max(float(party.wait_for("uploaded").split()[1]) for party in parties)
        warm(folder, size)
        again = _let_go(parties)
        downloaded = max(float(party.result()["ended"]) for party in parties)
    mib = users * each / _MIB
    return mib / (uploaded - started), mib / (downloaded - again)


def _let_go(parties: list[Party]) -> float:
    started = time.monotonic()
    for party in parties:
        party.go()
    return started


# -- the party ------------------------------------------------------------------------------------


async def _move(place: dict[str, Any]) -> None:
    folder, (sender, receiver) = Path(place["folder"]), place["names"]
    (folder / "got").mkdir()
    await sign_up(place, receiver)
    await sign_up(place, sender)
    source = made(folder / "source", place["size"])
    async with client_of(place, sender) as alice:
        await alice.whoami()
        ready()
        await asyncio.to_thread(wait_for_go)
        (sent,) = await alice.send_files(receiver, [source])
        uploaded = time.monotonic()
    if sent.error is not None:
        raise sent.error
    print(f"uploaded {uploaded}", flush=True)
    async with client_of(place, receiver) as bob:
        await bob.whoami()
        await asyncio.to_thread(wait_for_go)
        target = await bob.get_file(sent.id, folder / "got")
        ended_at = time.monotonic()
    assert target.stat().st_size == place["size"]
    report(ended=ended_at)


if __name__ == "__main__":
    asyncio.run(_move(settings()))
