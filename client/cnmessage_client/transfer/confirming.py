"""A file that was fetched earlier: the broker is told so, and its sender can see it.

For whoever has to do something with a file before it may count as fetched. Must know no socket and no disk.
"""

from cnmessage_client.model import Phase
from cnmessage_client.transfer.job import Hands, Job, Report
from cnmessage_protocol.errors import CnMessageError
from cnmessage_protocol.files.download import Download
from cnmessage_protocol.files.transfer import Effect
from cnmessage_protocol.ids import id_text


class ConfirmJob(Job):
    """Says FETCHED of the file `wanted`, until it is noted."""

    def __init__(self, wanted: bytes, limit: float, report: Report) -> None:
        self._machine: Download | None = None
        super().__init__(id_text(wanted), limit, report)
        self.transfer = wanted

    @property
    def machine(self) -> Download | None:
        """What decides; None before `start`."""
        return self._machine

    def start(self, now: float, hands: Hands) -> None:
        """Say it."""
        self._hands = hands
        self._machine = Download.fetched(now, self.limit, self.trail)
        self.perform(now, self._machine.begin())

    def step(self, now: float, *, room: bool) -> None:
        """Nothing is to be done."""

    busy = False
    wants_room = False

    def carry_out(self, effect: Effect) -> None:
        """Nothing lies on the disk."""

    def may_go_on(self, error: CnMessageError) -> bool:
        """Always: the file is here."""
        del error
        return True

    def close(self) -> None:
        """Nothing is held."""

    phase: Phase = "verifying"
    done = 0
    size = 0

    @property
    def file(self) -> bytes | None:
        """The file's id."""
        return self.transfer
