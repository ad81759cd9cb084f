"""Fresh ids: no two are the same, in whatever thread or process they are made."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

from cnmessage_client.new_ids import new_id

MANY = 2000


def made(_: int = 0) -> list[bytes]:
    return [new_id() for _ in range(MANY)]


def chance(identity: bytes) -> bytes:
    """What of an id is no clock."""
    return identity[6:]


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = [each for some in pool.map(made, range(8)) for each in some]
    assert len({chance(each) for each in found}) == 8 * MANY


def test_a_forked_process_never_makes_those_of_its_parent() -> None:
    new_id()  # from here on some randomness is drawn already
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, pickle.dumps([new_id() for _ in range(10)]))
        os._exit(0)
    mine = {chance(new_id()) for _ in range(300)}
    os.waitpid(child, 0)
    theirs = {chance(each) for each in pickle.loads(os.read(reading, 1 << 16))}  # noqa: S301 - our own child's
    os.close(reading)
    os.close(writing)
    assert len(theirs) == 10
    assert not mine & theirs
