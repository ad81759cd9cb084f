"""Machine: how far the application has read, and how far the broker knows it.

Only rises. One acknowledgement is outstanding at a time, so a fast reader's marks melt into few. Driven by
session.py.
"""

from msgspec import Struct


class Reading(Struct):
    """`wanted` is what the application has read up to, `confirmed` what the broker has on disk."""

    wanted: int = 0
    confirmed: int = 0

    def raise_to(self, upto: int) -> None:
        """The application has shown or stored everything up to `upto`."""
        self.wanted = max(self.wanted, upto)

    def confirm(self, confirmed: int) -> None:
        """The broker has this on disk."""
        self.confirmed = max(self.confirmed, confirmed)

    def attached(self, confirmed: int, *, restored: bool) -> None:
        """A broker said where it stands; after a restore what was read before counts no more."""
        self.confirmed = confirmed
        if restored:
            self.wanted = 0

    @property
    def due(self) -> bool:
        """Whether there is something to tell the broker."""
        return self.wanted > self.confirmed
