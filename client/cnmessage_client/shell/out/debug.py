"""The lines of --debug: one a transition, with the time. Knows no stream, only what takes lines."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from cnmessage_client.model import json_time
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.trace import Transition


class DebugLog:
    """Writes transitions as they are told, from any thread; a log that cannot be written stops nothing."""

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        as_json: bool,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._clock = clock

    def __call__(self, transition: Transition) -> None:
        """Write one line: `debug 12:03:07.123 session: attaching --attached--> joining (head 7)`."""
        time = self._clock()
        if self._as_json:
            line = json.dumps({"debug": {"time": json_time(time)} | transition.as_json()})
        else:
            line = safe_text(f"debug {time:%H:%M:%S}.{time.microsecond // 1000:03d} {transition}")
        with suppress(OSError, ValueError):
            self._write(line)
