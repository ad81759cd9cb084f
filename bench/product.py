"""The product as users run it: `cnmessage-broker start`, one sender and one receiver with cnmessage_client.

Each is a process of its own; nothing of the product is replaced or reached around. The sender keeps
IN_FLIGHT calls of `Client.send` open, the receiver iterates `Client.messages()`.

    python -m bench.product sender|receiver|latency SETTINGS
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from bench.bare import IN_FLIGHT
from bench.bodies import bodies, fault_of
from bench.broker import running_broker
from bench.processes import BenchError, Party, ended, ready, report, settings, wait_for_go
from cnmessage_client import Client, Home
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.trace import Trace, Transition

_SECRET = "correct horse battery"  # noqa: S105 - of accounts that live as long as the benchmark
_WARM_UP = 20


def measure(folder: Path, messages: int) -> tuple[float, float]:
    """Delivered messages per second of one run, from the first send to the last one shown; mean list."""
    with running_broker(folder / "broker") as broker:
        place = {"home": str(folder / "home"), "broker": broker.address, "count": messages}
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
    with running_broker(folder / "broker") as broker:
        return latency_of(folder / "home", broker.address, messages)


def latency_of(
    home: Path, address: str, messages: int, names: tuple[str, str] = ("alice", "bob")
) -> dict[str, float]:
    """The same on a broker that runs already; `names` are those of two new users."""
    both = Party.role("bench.product", "latency", home=str(home), broker=address, count=messages, names=names)
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

    async def one_of_many(client: Client, texts: Iterator[str]) -> None:
        for text in texts:
            await client.send("bob", text)

    texts = iter(bodies(total))

    async with client_of(place, "alice", counted) as client:
        await client.signup("alice", _SECRET)
        ready()
        await asyncio.to_thread(wait_for_go)
        started, used = time.monotonic(), time.process_time()
        await asyncio.gather(*(one_of_many(client, texts) for _ in range(IN_FLIGHT)))
        used = time.process_time() - used
    report(started=started, mean_list=statistics.mean(lists), cpu=used)


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
        shown: list[str] = []
        used = 0.0
        async for message in client.messages():
            used = used or time.process_time()
            shown.append(message.body)
            if len(shown) == place["count"]:
                break
        ended_at, used = time.monotonic(), time.process_time() - used
    if fault := fault_of((int(text[:7]) for text in shown), place["count"]):
        raise BenchError(fault)
    report(ended=ended_at, cpu=used)


async def _latency(place: dict[str, Any]) -> None:
    texts = bodies(1 + _WARM_UP + place["count"])
    one, other = place["names"]
    async with client_of(place, one) as alice, client_of(place, other) as bob:
        await alice.signup(one, _SECRET)
        await bob.signup(other, _SECRET)
        _tell_when_live(bob)
        shown = bob.messages()
        first = asyncio.ensure_future(anext(shown))
        await asyncio.to_thread(wait_for_go)
        await alice.send(other, texts[0])
        await first
        taken = []
        for text in texts[1:]:
            started = time.perf_counter()
            sending = asyncio.ensure_future(alice.send(other, text))
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
