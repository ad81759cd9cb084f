"""Copies of files that messages offer, in one directory: each content once, nothing overwritten.

A run that was cut short and is repeated finds what it has fetched. Must know no broker: whoever fetches is
handed in.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from cnmessage_client.model import MessageFile
from cnmessage_client.transfer.names import safe_name
from cnmessage_client.transfer.places import numbered
from cnmessage_client.transfer.present import Present
from cnmessage_protocol.errors import CnMessageError, ErrorCode


class Copies:
    """Those of one run. `fetch` gets a file under a name into the directory; EXISTS where one is taken."""

    def __init__(self, directory: Path, fetch: Callable[[MessageFile, str], Awaitable[object]]) -> None:
        self._directory = directory
        self._fetch = fetch
        self._contents: dict[str, str] = {}
        """Digests of what has a name, as far as this run knows them: all that grows with the files."""

    async def of(self, file: MessageFile) -> str:
        """The name of its copy, which is fetched where there is none yet; raises what `fetch` raises."""
        name, number = safe_name(file.name), 1
        while (there := await self._content(name, file)) != file.sha256:
            if there is None:
                try:
                    await self._fetch(file, name)
                except CnMessageError as error:
                    if error.code is not ErrorCode.EXISTS:
                        raise  # else it came into being meanwhile
                else:
                    self._contents[name] = file.sha256
                    break
            number += 1
            name = numbered(safe_name(file.name), number)
        return name

    async def _content(self, name: str, file: MessageFile) -> str | None:
        """The digest of what has this name, as `_digest` has it."""
        if name in self._contents:
            return self._contents[name]
        there = await asyncio.to_thread(_digest, self._directory / name, file)
        if there:
            self._contents[name] = there
        return there


def _digest(path: Path, file: MessageFile) -> str | None:
    """The digest of what stands at `path`, if it may be the file; empty for something else, None for nothing.

    Of what has another size, no byte is read.
    """
    if not os.path.lexists(path):
        return None
    found = Present.at(path)
    if found is None:
        return ""
    with found:
        return found.digest() if found.size == file.size else ""
