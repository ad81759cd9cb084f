"""Machine: messages that came while the connection is on its way back wait for the line that counts them."""

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.model import Message, Unknown


class NewItems:
    """What came and is not shown yet; `missed` counts what others wrote since the connection was lost."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self.missed = 0
        self._held: list[Message | Unknown] = []

    @property
    def full(self) -> bool:
        """Whether no more should wait."""
        return len(self._held) > self._bounds.held

    def lost(self) -> None:
        """The connection was lost: counting begins."""
        self.missed = 0

    def hold(self, message: Message | Unknown) -> None:
        """Keep this one."""
        self._held.append(message)
        self.missed += message.received

    def release(self) -> list[Message | Unknown]:
        """What was kept, in order."""
        held, self._held = self._held, []
        return held

    def drop(self) -> None:
        """Whoever it came for is not here any more."""
        self._held.clear()
