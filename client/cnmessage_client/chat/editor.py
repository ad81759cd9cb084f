"""A text in the person's own editor, by way of a file that nobody else can read and that is gone afterwards.

The screens see to it that the terminal is the editor's meanwhile; as it was before, it is again afterwards,
however the editor ends. What was saved is not lost: where it cannot be taken over, its file is kept.
"""

import asyncio
import os
import re
import signal
import sys
import tempfile
import termios
import time
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cnmessage_protocol.errors import CnMessageError, ErrorCode

_GRACE = 1.0
"""Seconds that an editor has to end, or to stop, once it is asked to."""

_LOOK = 0.01

_FOR_A_SHELL = re.compile(r"""[^\w./+,:@-]""", re.ASCII)
"""What makes more of $EDITOR than the name of a program."""

_NO_PROGRAM = 127
"""The status of a shell that has not found what it was to run."""


class Editor:
    """The editor that $VISUAL or $EDITOR names, for one text."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._command = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
        self._terminal = _Terminal()
        self._process: Process | None = None

    async def edit(self, text: str) -> str:
        """What was saved, without line feeds at its end; a USAGE error if there is no editor or it failed.

        What cannot be taken over stays where it was saved, and the error says where. Cancelled, the editor is
        ended; that is an error, too, if something was saved by then.
        """
        try:
            with _file_of(text.encode()) as file:
                return await self._edited(file, text.encode())
        except (OSError, ValueError) as error:
            raise self._failed(getattr(error, "strerror", None) or str(error)) from error

    async def _edited(self, file: Path, before: bytes) -> str:
        try:
            status = await self._run(str(file))
        except asyncio.CancelledError:
            if _read(file) == before:
                raise
            raise self._failed("the chat was ended", file) from None
        saved = _read(file)
        if status == _NO_PROGRAM and saved == before:
            raise self._failed("there is no such program")
        if status != 0:
            raise self._failed(f"it ended with status {status}", None if saved == before else file)
        try:
            return saved.decode("utf-8-sig").rstrip("\n")
        except UnicodeDecodeError as error:
            raise self._failed("this is not UTF-8 text", file) from error

    def stop(self) -> None:
        """This process is about to be stopped: so is the editor, which gives the terminal back before."""
        if self._process is None:
            return
        # Some tell the whole group themselves; this process has yet to wait for them.
        caught = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        os.kill(0, signal.SIGTSTP)  # the editor may be the child of a script
        looks = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG
        until = time.monotonic() + _GRACE
        with suppress(ChildProcessError):
            while os.waitid(os.P_PID, self._process.pid, looks) is None and time.monotonic() < until:
                time.sleep(_LOOK)
        signal.signal(signal.SIGTSTP, caught)
        self._terminal.restore()

    def go_on(self) -> None:
        """This process goes on, and so does the editor."""
        self._send(signal.SIGCONT)

    async def _run(self, name: str) -> int:
        """The status with which it ended."""
        self._terminal = _Terminal()
        try:
            self._process = await create_subprocess_exec(*self._words(), name)
            return await self._process.wait()
        except asyncio.CancelledError:
            await self._end()
            raise
        finally:
            self._process = None
            self._terminal.restore()

    def _words(self) -> list[str]:
        """What is to be run: a line for a shell, as all programs take it that open an editor, or one word."""
        if not _FOR_A_SHELL.search(self._command):
            return [self._command]
        return ["/bin/sh", "-c", f'{self._command} "$@"', self._command]

    def _hang_up(self) -> None:
        """As when its terminal is closed: it keeps what it keeps then. It may be the child of a script."""
        if self._process is not None:
            for each in [*_family(self._process.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGHUP)

    async def _end(self) -> None:
        self._send(signal.SIGCONT)
        self._hang_up()
        if self._process is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _GRACE)
            self._send(signal.SIGKILL)
            await self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process is not None:
                self._process.send_signal(number)

    def _failed(self, reason: str, path: Path | None = None) -> CnMessageError:
        """The error; what stands at `path` is kept, under a name that says so."""
        kept = "" if path is None else f"; what it saved is kept in {path.rename(_kept(path))}"
        text = (
            f"nothing was taken over from the editor '{self._command}': {reason}{kept}; EDITOR names another"
        )
        return CnMessageError(ErrorCode.USAGE, text)


@contextmanager
def _file_of(text: bytes) -> Iterator[Path]:
    """A file with this text, which is gone afterwards."""
    handle, name = tempfile.mkstemp(prefix="cnmessage-", suffix=".txt")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _family(pid: int) -> Iterator[int]:
    """A process, and all that it has begun as far as this system tells (Linux)."""
    yield pid
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))


def _kept(path: Path) -> Path:
    return path.with_name(f"{path.stem}-kept.txt")


class _Terminal:
    """How the terminal is now, if there is one, to make it so again: an editor that was killed does not."""

    def __init__(self) -> None:
        self._modes: list[Any] | None = None
        with suppress(termios.error, OSError, ValueError):
            self._modes = termios.tcgetattr(sys.stdin.fileno())

    def restore(self) -> None:
        """Make it so again."""
        with suppress(termios.error):  # it is gone
            if self._modes is not None:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._modes)
