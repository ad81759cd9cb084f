"""The texts that benchmarks send: 48 to 120 bytes, numbered, so that a receiver can prove what came."""

import re
from collections.abc import Iterable

SHORTEST, LONGEST = 48, 120
END = "-end"
"""Ends each body, and stands nowhere else in what any of the measured programs writes."""

_NUMBERED = re.compile(rb"(\d{7}) x*-end")


def body(number: int) -> str:
    """The text of that number; sizes take turns."""
    size = SHORTEST + number * 37 % (LONGEST - SHORTEST + 1)
    return f"{number:07d} ".ljust(size - len(END), "x") + END


def bodies(count: int) -> list[str]:
    """The first `count` texts, made before anything is measured."""
    return [body(number) for number in range(count)]


class Tally:
    """Counts bodies in a stream of bytes while it comes, cheaply, and looks at each of them in the end."""

    def __init__(self) -> None:
        self.count = 0
        """How many have come to their end."""
        self._chunks: list[bytes] = []
        self._tail = b""

    def feed(self, chunk: bytes) -> int:
        """More has come; gives how many bodies came to their end with it."""
        data = self._tail + chunk
        ended = data.count(END.encode())
        self._tail = data[1 - len(END) :]
        self._chunks.append(chunk)
        self.count += ended
        return ended

    def fault(self, expected: int) -> str:
        """What is wrong with what came, in words; empty when each of `expected` bodies came once."""
        return fault_of((int(each) for each in _NUMBERED.findall(b"".join(self._chunks))), expected)


def fault_of(numbers: Iterable[int], expected: int) -> str:
    """What is wrong with the numbers that came; empty when each of `expected` came once."""
    came = list(numbers)
    different = set(came)
    missing, twice = expected - len(different & set(range(expected))), len(came) - len(different)
    if missing == 0 and twice == 0 and len(came) == expected:
        return ""
    return f"of {expected} messages {missing} are missing, and {twice} came more than once"
