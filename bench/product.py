"""The product as users run it: `cnmessage-broker start`, one sender and one receiver with cnmessage_client.

Each is a process of its own; nothing of the product is replaced or reached around. The sender keeps
IN_FLIGHT calls of `Client.send` open, the receiver iterates `Client.messages()`.

    python -m bench.product sender|receiver|latency SETTINGS
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.bare import BODY, IN_FLIGHT
from bench.processes import Party, ended, free_port, ready, report, settings, wait_for_go
from cnmessage_client import Client, Home
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.trace import Trace, Transition

BIN = Path(sys.executable).parent
_SECRET = "correct horse battery"  # noqa: S105 - of accounts that live as long as the benchmark
_WARM_UP = 20


@contextmanager
def running_broker(data: Path) -> Iterator[str]:
    """A broker process on fresh data; gives its address, key included."""
    command = [str(BIN / "cnmessage-broker"), "start", "--port", str(free_port()), "--data", str(data)]
    broker = Party(command, {**os.environ, "BENCH_QUIET": "1"})
    with ended(broker):
        yield broker.wait_for("--broker '").split("--broker '")[1].split("'")[0]


def measure(folder: Path, messages: int) -> tuple[float, float]:
    """Delivered messages per second of one run, from the first send to the last one shown; mean list."""
    with running_broker(folder / "broker") as address:
        place = {"home": str(folder / "home"), "broker": address, "count": messages}
        receiver = Party.role("bench.product", "receiver", **place)
        with ended(receiver):
            sender = Party.role("bench.product", "sender", **place)
            with ended(sender):
                sender.go()
                sent = sender.result()
                rate = messages / float(receiver.result()["ended"] - sent["started"])
                return rate, float(sent["mean_list"])


def measure_latency(folder: Path, messages: int) -> dict[str, float]:
    """Milliseconds from `send` to the message shown by another client, on an idle broker."""
    with running_broker(folder / "broker") as address:
        return latency_of(folder / "home", address, messages)


def latency_of(home: Path, address: str, messages: int) -> dict[str, float]:
    """The same on a broker that runs already."""
    both = Party.role("bench.product", "latency", home=str(home), broker=address, count=messages)
    with ended(both):
        both.go()
        return both.result()


# -- the parties ----------------------------------------------------------------------------------


def client_of(place: dict[str, Any], name: str, trace: Trace | None = None) -> Client:
    """A client of that profile."""
    home = Home(Path(place["home"]), Path(place["home"]) / "state")
    return Client(home=home, profile=name, broker=place["broker"], timeout=30, trace=trace)


async def sign_up(place: dict[str, Any], name: str) -> None:
    """An account with a profile of the same name."""
    async with client_of(place, name) as client:
        await client.signup(name, _SECRET)


async def _send(place: dict[str, Any]) -> None:
    total: int = place["count"]
    lists: list[int] = []

    def counted(step: Transition) -> None:
        if step.event == "acknowledged":  # its cause reads "37 messages"
            lists.append(int(step.cause.split()[0]))

    async def one_of_many(client: Client, numbers: Iterator[int]) -> None:
        for _ in numbers:
            await client.send("bob", BODY)

    async with client_of(place, "alice", counted) as client:
        await client.signup("alice", _SECRET)
        ready()
        await asyncio.to_thread(wait_for_go)
        started = time.monotonic()
        numbers = iter(range(total))
        await asyncio.gather(*(one_of_many(client, numbers) for _ in range(IN_FLIGHT)))
    report(started=started, mean_list=statistics.mean(lists))


def _tell_when_live(client: Client) -> None:
    def on_state(state: State, _retry_in: float) -> None:
        if state is State.LIVE:
            client.on_state = lambda *_: None
            ready()

    client.on_state = on_state


async def _receive(place: dict[str, Any]) -> None:
    async with client_of(place, "bob") as client:
        await client.signup("bob", _SECRET)
        _tell_when_live(client)
        shown = 0
        async for message in client.messages():
            shown += 1
            assert message.seq == shown
            if shown == place["count"]:
                break
        report(ended=time.monotonic())


async def _latency(place: dict[str, Any]) -> None:
    async with client_of(place, "alice") as alice, client_of(place, "bob") as bob:
        await alice.signup("alice", _SECRET)
        await bob.signup("bob", _SECRET)
        _tell_when_live(bob)
        shown = bob.messages()
        first = asyncio.ensure_future(anext(shown))
        await asyncio.to_thread(wait_for_go)
        await alice.send("bob", BODY)
        await first
        taken = []
        for _ in range(place["count"] + _WARM_UP):
            started = time.perf_counter()
            sending = asyncio.ensure_future(alice.send("bob", BODY))
            await anext(shown)
            taken.append((time.perf_counter() - started) * 1000)
            await sending
        taken = sorted(taken[_WARM_UP:])
        report(p50=statistics.median(taken), p99=taken[int(len(taken) * 0.99)])


def _run(main: Coroutine[Any, Any, None]) -> None:
    # As the product's own long-lived programs do: uvloop where it exists.
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


if __name__ == "__main__":
    match sys.argv[1]:
        case "sender":
            _run(_send(settings()))
        case "receiver":
            _run(_receive(settings()))
        case _:
            _run(_latency(settings()))
