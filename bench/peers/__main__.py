"""`make bench-peers`: the product and the bare loop beside other message brokers, those that are installed.

Each peer is started anew for each run, as a private process in a folder of its own, and driven by bytes that
were made before. All take turns, round by round; each is shown with what it promises.
"""

import argparse
import sys
from functools import partial

from bench import messages, report
from bench.figures import Figure, Measure
from bench.machine import machine_line
from bench.peers import mosquitto, nats, rabbitmq, redis
from bench.peers.driver import Peer, measure
from bench.peers.server import found, version_of
from bench.processes import BenchError
from bench.rounds import interleaved

PEERS: tuple[Peer, ...] = (redis.PEER, nats.PEER, mosquitto.PEER, rabbitmq.PEER)


def compared(peers: list[Peer]) -> Measure:
    """The product, the bare loops and these peers as one measure."""
    behind = (mosquitto.PEER, rabbitmq.PEER)
    return Measure(
        "peers",
        messages.ABOUT,
        (*messages.RUNS, *(partial(measure, peer=each, messages=messages.MESSAGES) for each in peers)),
        (
            *messages.FIGURES,
            *(Figure(each.name, "/s") for each in peers),
            *(
                Figure(
                    f"product ÷ {each.name}",
                    at_least=1.0 if each in behind else None,
                    ratio_of=(messages.PRODUCT, each.name),
                )
                for each in peers
            ),
        ),
        {**messages.GUARANTEES, **{each.name: _promise(each) for each in peers}},
    )


def _promise(peer: Peer) -> str:
    return f"{peer.program} {version_of(peer.program)}".rstrip() + f": {peer.guarantee}"


def main() -> int:
    """Measure, print, and say by the exit status whether the product is ahead of whom it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many (default 5)")
    programs = [each.program for each in PEERS]
    parser.add_argument("--only", nargs="+", choices=programs, default=programs, metavar="PROGRAM")
    report.options(parser)
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    print(machine_line(), flush=True)
    chosen = [each for each in PEERS if each.program in given.only]
    peers = [each for each in chosen if found(each.program)]
    for each in chosen:
        if each not in peers:
            print(f"left out: {each.program} is not installed; on Debian: apt-get install {each.program}")
    try:
        rounds = interleaved([compared(peers)], given.rounds, report.progress)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return report.concluded(rounds, given)


if __name__ == "__main__":
    sys.exit(main())
