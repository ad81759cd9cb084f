"""What machines did, as values: each transition by its names. This is what --debug shows.

A machine notes a transition in its trail; its driver takes what was noted after each step, and knows the
time. Only names, codes and counts are noted: no text of a message, no secret, no name of a file. Knows no
clock and no stream.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Self

from msgspec import Struct

KEPT = 4096
"""Most transitions that wait to be taken; older ones are forgotten."""


class Transition(Struct, frozen=True):
    """One step of a machine. `instance` is empty where there is only one; `cause` is a word, or a count."""

    machine: str
    instance: str
    before: str
    event: str
    after: str
    cause: str

    def __str__(self) -> str:
        """As one line: `session: attaching --attached--> joining (attach)`."""
        which = f"{self.machine} {self.instance}" if self.instance else self.machine
        why = f" ({self.cause})" if self.cause else ""
        return f"{which}: {self.before} --{self.event}--> {self.after}{why}"

    def as_json(self) -> dict[str, Any]:
        """As an object for a program: the line's parts, each under its name."""
        return {
            "machine": self.machine,
            "instance": self.instance,
            "from": self.before,
            "event": self.event,
            "to": self.after,
            "cause": self.cause,
        }


Trace = Callable[[Transition], None]
"""Is told transitions, in order."""


class Trail:
    """Transitions that were not taken yet. Unless somebody is `listening`, nothing is kept."""

    __slots__ = ("_instance", "_noted", "listening")

    def __init__(self, *, listening: bool = False) -> None:
        self.listening = listening
        self._instance = ""
        self._noted: deque[Transition] = deque(maxlen=KEPT)

    def of(self, instance: str) -> Self:
        """The same trail, for one of several machines of a kind."""
        part = type(self)(listening=self.listening)
        part._instance, part._noted = instance, self._noted  # noqa: SLF001 - one of our own
        return part

    def note(
        self,
        machine: str,
        before: Enum | str,
        event: Enum | str,
        after: Enum | str,
        cause: object = "",
        instance: str = "",
    ) -> None:
        """The machine went from one state to another, or stayed."""
        if self.listening:
            names = (_name(before), _name(event), _name(after))
            self._noted.append(Transition(machine, instance or self._instance, *names, str(cause)))

    def take(self) -> list[Transition]:
        """What was noted since the last call."""
        if not self._noted:
            return []
        noted = list(self._noted)
        self._noted.clear()
        return noted

    def tell(self, trace: Trace | None) -> None:
        """Hand over what was noted since the last time."""
        if trace is not None:
            for each in self.take():
                trace(each)


def counted(number: int, what: str) -> str:
    """A count as a cause: `1 message`, `2 messages`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _name(word: Enum | str) -> str:
    return str(word.value) if isinstance(word, Enum) else word
