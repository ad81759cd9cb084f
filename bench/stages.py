"""Where a message's processor time goes: each thread of the broker, the sender, the receiver. Linux only.

What processes need to start is not in it: counted from the first send to the last message shown.
"""

from collections.abc import Mapping
from pathlib import Path

from bench.broker import Broker, running_broker
from bench.figures import Figure, Measure
from bench.messages import MESSAGES
from bench.processes import Party, ended

_ALL = "all three processes"
_THREADS = {
    "cnmessage-broke": "broker: loop",
    "writer": "broker: writer",
    "checkpoints": "broker: checkpoints",
    "ZMQbg": "broker: input and output, CURVE",
}
_REST = "broker: other threads"


def run(folder: Path) -> Mapping[str, float]:
    """µs of processor a message, by where it is used."""
    with running_broker(folder / "broker") as broker:
        place = {"home": str(folder / "home"), "broker": broker.address, "count": MESSAGES}
        receiver = Party.role("bench.product", "receiver", **place)
        with ended(receiver):
            sender = Party.role("bench.product", "sender", **place)
            with ended(sender):
                before = _threads(broker)
                sender.go()
                used = {
                    "sender": float(sender.result()["cpu"]),
                    "receiver": float(receiver.result()["cpu"]),
                }
                used |= {name: after - before.get(name, 0.0) for name, after in _threads(broker).items()}
    return {name: seconds / MESSAGES * 1e6 for name, seconds in (used | {_ALL: sum(used.values())}).items()}


def _threads(broker: Broker) -> dict[str, float]:
    """Seconds of processor so far, by what the thread is for."""
    found: dict[str, float] = {}
    for name, seconds in broker.threads():
        stage = _THREADS.get(name.split("/")[0].split("_")[0], _REST)
        found[stage] = found.get(stage, 0.0) + seconds
    return found


MEASURE = Measure(
    "stages",
    "processor time a message, one sender, one receiver, as in 'messages'",
    (run,),
    tuple(Figure(name, "µs") for name in ("sender", *_THREADS.values(), _REST, "receiver", _ALL)),
)
