"""One process that plays cases against one port, so that what breaks in its own libzmq breaks nothing else.

It says each case's number and kind on a line before it plays it; the supervisor keeps the last ones.
"""

import argparse
import json
import random
import sys
import threading
from collections import Counter
from contextlib import suppress

import zmq

from cnmessage_client.address import parse_address
from cnmessage_client.profile import KeyPair
from tests.fuzz import bare, deep, early, late
from tests.fuzz.case import PORTS, Case, Ground

CASES: tuple[Case, ...] = (*early.CASES, *late.CASES, *deep.CASES, *bare.CASES)
_REFUSED_PAUSE = 0.1


def cases_of(offset: int) -> tuple[Case, ...]:
    """The cases that fit a port."""
    return tuple(each for each in CASES if offset in each.ports)


def choose(seed: int, offset: int, number: int) -> tuple[Case, random.Random]:
    """Case `number` of a run and the chance it draws from; always the same. One of each kind comes first."""
    rng = random.Random(f"{seed}:{offset}:{number}")
    fitting = list(cases_of(offset))
    if number < len(fitting):
        random.Random(f"{seed}:{offset}").shuffle(fitting)
        return fitting[number], rng
    return rng.choices(fitting, [each.weight for each in fitting])[0], rng


def play(ground: Ground, case: Case, rng: random.Random) -> str:
    """Play it; gives how it ended for the peer."""
    ground.rng = rng
    try:
        case.act(ground)
    except ConnectionRefusedError:
        return "refused"
    except (OSError, EOFError, ValueError, zmq.ZMQError):
        return "cut"  # the broker hung up or did not answer, as it may
    return "played"


def ground_of(options: argparse.Namespace) -> Ground:
    """The ground that the supervisor described."""
    place = parse_address(options.address)
    assert place.key is not None
    offset = PORTS[options.port]
    known = tuple(KeyPair(public.encode(), secret.encode()) for public, secret in json.loads(options.known))
    return Ground(
        options.address,
        place.port + offset,
        offset,
        place.key,
        known,
        tuple(json.loads(options.names)),
        options.chosen_ids,
    )


def main() -> int:
    """Play cases from `--first` on until standard input ends, or `--count` of them."""
    options = _options()
    ground = ground_of(options)
    ended = threading.Event()
    threading.Thread(target=_until_told, args=(ended,), daemon=True).start()
    ends: Counter[str] = Counter()
    number = options.first
    while not ended.wait(1 / options.pace) and number - options.first < options.count:
        case, rng = choose(options.seed, ground.offset, number)
        print(number, case.kind, sep="\t", flush=True)
        end = play(ground, case, rng)
        ends[end] += 1
        if end == "refused":
            ended.wait(_REFUSED_PAUSE)
        number += 1
    ground.release_all()
    return 0


def _until_told(ended: threading.Event) -> None:
    with suppress(OSError):
        sys.stdin.read()
    ended.set()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.fuzz.attacker", description=__doc__)
    parser.add_argument("--port", choices=list(PORTS), required=True)
    parser.add_argument("--address", required=True, help="the broker's address line")
    parser.add_argument("--known", default="[]", help="key pairs of accounts, JSON")
    parser.add_argument("--names", default='["nobody"]', help="names of accounts, JSON")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--count", type=int, default=sys.maxsize)
    parser.add_argument("--pace", type=float, default=10.0, help="most cases a second")
    parser.add_argument("--chosen-ids", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
