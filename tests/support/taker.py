"""Who takes the lines of a screen in a test: neither talk nor commands stand behind it. All else is real."""

import asyncio

from cnmessage_client.chat.drive.input import Input
from cnmessage_client.chat.screens import Screen
from tests.support.patience import PATIENCE


class Taker:
    """A Receiver. A line is done once the test has taken it, unless it is `busy` then."""

    screen: Screen
    talk_asks = False

    def __init__(self, told: list[tuple[str, str]] | None = None, *, piped: bool = False) -> None:
        self.input = Input(self, piped=piped)
        self.busy = False
        self.told: list[tuple[str, str]] = [] if told is None else told
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def line(self) -> str | None:
        """The next line for the talk; None at the end."""
        line = await asyncio.wait_for(self._lines.get(), PATIENCE)
        self.input.go_on()
        return line

    @property
    def resolved(self) -> bool:
        return self._lines.empty() and not self.busy

    def typed(self, line: str) -> None:
        self._lines.put_nowait(line)

    def stop(self) -> bool:
        self.told.append(("interrupt", ""))
        return True

    def warned(self, text: str) -> None:
        self.told.append(("warned", text))

    def leave(self, status: int) -> None:
        del status
        self._lines.put_nowait(None)
