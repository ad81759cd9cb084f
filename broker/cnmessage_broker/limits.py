"""Budgets: how often a key, an account or an address may do something. Time is passed in.

A token bucket a subject: `burst` at once, `rate` a second afterwards. Forgets the least lately used
subjects, so that a flood of them cannot fill the memory.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Subject = TypeVar("Subject")

MAX_SUBJECTS = 10_000


@dataclass(slots=True)
class Budget(Generic[Subject]):
    """Token buckets of one kind; a `rate` of 0 means no limit."""

    burst: float
    rate: float
    _left: OrderedDict[Subject, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, subject: Subject, now: float, amount: float = 1.0) -> float:
        """Seconds until `amount` may be spent; 0.0 when at once. Spends nothing."""
        if self.rate == 0:
            return 0.0
        return max(0.0, (min(amount, self.burst) - self._tokens(subject, now)) / self.rate)

    def spend(self, subject: Subject, now: float, amount: float = 1.0) -> None:
        """Take `amount` from the subject's budget."""
        if self.rate == 0:
            return
        self._left[subject] = (self._tokens(subject, now) - amount, now)
        self._left.move_to_end(subject)
        if len(self._left) > MAX_SUBJECTS:
            self._left.popitem(last=False)

    def _tokens(self, subject: Subject, now: float) -> float:
        tokens, then = self._left.get(subject, (self.burst, now))
        return min(self.burst, tokens + (now - then) * self.rate)
