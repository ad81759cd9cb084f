"""`make bench-peers`: the product and the bare loop beside other message brokers, those that are installed.

Each peer is started anew for each run, as a private process in a folder of its own, and driven by bytes that
were made before. All take turns, round by round; each is shown with what it promises.
"""

import argparse
import sys
from functools import partial

from bench import messages
from bench.commandline import add_options, run, say
from bench.figures import Figure, Measure
from bench.peers import mosquitto, nats, rabbitmq, redis
from bench.peers.driver import Peer, measure
from bench.peers.server import found, version_of

PEERS: tuple[Peer, ...] = (redis.PEER, nats.PEER, mosquitto.PEER, rabbitmq.PEER)


def compared(peers: list[Peer]) -> Measure:
    """The product, the bare loops and these peers as one measure."""
    behind = (mosquitto.PEER, rabbitmq.PEER)
    return Measure(
        "peers",
        _about(peers),
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
        {**messages.GUARANTEES, **{each.name: each.guarantee for each in peers}},
    )


def _about(peers: list[Peer]) -> str:
    versions = (f"{each.program} {version_of(each.program)}".rstrip() for each in peers)
    return "; ".join([messages.ABOUT, *([", ".join(versions)] if peers else [])])


def main() -> int:
    """Measure, print, and say by the exit status whether the product is ahead of whom it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    programs = [each.program for each in PEERS]
    parser.add_argument(
        "--only",
        nargs="+",
        choices=programs,
        default=programs,
        metavar="PROGRAM",
        help=f"of {', '.join(programs)}",
    )
    add_options(parser)
    given = parser.parse_args()
    chosen = [each for each in PEERS if each.program in given.only]
    peers = [each for each in chosen if found(each.program)]
    for each in chosen:
        if each not in peers:
            say(f"left out: {each.program} is not installed; on Debian: apt-get install {each.program}")
    return run([compared(peers)], given)


if __name__ == "__main__":
    sys.exit(main())
