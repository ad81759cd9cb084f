"""Both programs as processes that are there at once: forked from one that has imported them already.

Starting Python and importing takes 0.3 s, which a thousand commands of the suite would each pay. What is
forked runs the program's own `main` with streams, environment, folder and arguments of its own, and ends as a
process does. What Python reads before `main` is the parent's: who is about that (`suits`) starts a process.
A forked broker's passwords cost nothing; those of one that is started cost what they do everywhere.
"""

import atexit
import contextlib
import gc
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]
_MOST = 1 << 20

PROGRAM = str(Path(sys.executable).parent / "cnmessage")
BROKER = str(Path(sys.executable).parent / "cnmessage-broker")

_LOCALE = "C.UTF-8"


def suits(environment: Mapping[str, str]) -> bool:
    """Whether a command with these variables may be forked: Python has read its own before `main`."""
    own = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
    return own.items() <= os.environ.items() and all(
        environment.get(name, _LOCALE).lower().endswith("utf-8") for name in ("LANG", "LC_ALL", "LC_CTYPE")
    )


class Forked:
    """A forked command, to be waited for and signalled as a subprocess.Popen is."""

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)
        self.pid = int.from_bytes(self._told.read(4), "big")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end; gives the exit status, or raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self.returncode = int.from_bytes(self._told.read(4), "big", signed=True)
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """As os.kill, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended since, as subprocess has it too
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Fork:
    """A process that forks commands; started with the first of them. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here: socket.socket | None = None

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        streams: tuple[int, int, int],
        *,
        terminal: bool = False,
        folder: Path | None = None,
    ) -> Forked:
        """Fork `command` with these descriptors as its streams; with `terminal` they are its own terminal.

        It works in `folder`, in this process's own when there is none.
        """
        there, status = os.pipe()
        words = json.dumps([list(command), dict(environment), str(folder or Path.cwd()), terminal]).encode()
        with self._lock:
            socket.send_fds(self._running(), [words], [*streams, status])
        os.close(status)
        return Forked(there)

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], stdin: bytes, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Run it to the end through pipes; gives the exit status, standard output and standard error."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given, feed = os.pipe()
            process = self.start(command, environment, (given, out.fileno(), err.fileno()))
            os.close(given)
            feeding = threading.Thread(target=_feed, args=(feed, stdin), daemon=True)
            feeding.start()
            try:
                status = process.wait(timeout)
            finally:
                process.kill()
                feeding.join()
            out.seek(0)
            err.seek(0)
            return status, out.read(), err.read()

    def _running(self) -> socket.socket:
        if self._here is None:
            self._here, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST)
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked", str(other.fileno())],
                pass_fds=[other.fileno()],
                cwd=ROOT,
                env={**os.environ, "LANG": _LOCALE, "LC_ALL": _LOCALE},
                stdin=subprocess.DEVNULL,
            )
            other.close()
            atexit.register(self._end, process)
        return self._here

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        if self._here is not None:
            self._here.close()
        process.wait()


FORK = Fork()


def start(
    command: Sequence[str], environment: Mapping[str, str], streams: tuple[int, int, int]
) -> "Forked | subprocess.Popen[bytes]":
    """Start any command with these descriptors as its streams: forked, where that is the same."""
    if command[0] in {PROGRAM, BROKER} and suits(environment):
        return FORK.start(command, environment, streams)
    stdin, stdout, stderr = streams
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=dict(environment))


def _feed(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as file:
        file.write(data)


# -- in the process that forks --------------------------------------------------------------------------


def _serve(here: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        words, descriptors, _, _ = socket.recv_fds(here, _MOST, 4)
        if not words:
            return
        if os.fork() == 0:
            _watch(here, json.loads(words), descriptors)
        for each in descriptors:
            os.close(each)


def _watch(here: socket.socket, words: list[object], descriptors: list[int]) -> NoReturn:
    """Fork the command, and tell how it ended."""
    here.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    process = os.fork()
    if process == 0:
        os.close(status)
        _become(words, streams)
    os.write(status, process.to_bytes(4, "big"))
    for each in streams:
        os.close(each)
    # It is told before its number may be another's: until then a signal finds it.
    ended = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    code = 0 if ended is None else ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    os.write(status, code.to_bytes(4, "big", signed=True))
    os.waitpid(process, 0)
    os._exit(0)


def _become(words: list[object], streams: list[int]) -> NoReturn:
    command, environment, folder, terminal = words
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    if terminal:
        import fcntl
        import termios

        os.setsid()
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    for number, each in enumerate(streams):
        os.dup2(each, number)
    os.closerange(3, 256)
    os.chdir(str(folder))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = command
    for name, number, mode in (("stdin", 0, "rb"), ("stdout", 1, "wb"), ("stderr", 2, "wb")):
        before = getattr(sys, name)
        raw = open(number, mode, closefd=False)  # noqa: SIM115 - the stream lives as long as the process
        line_by_line = name == "stderr" or os.isatty(number)
        stream = io.TextIOWrapper(raw, before.encoding, before.errors, line_buffering=line_by_line)
        setattr(sys, name, stream)
    status = 1
    try:
        if command[0] == BROKER:
            from cnmessage_broker.cli import main as main_of_the_broker
            from tests.support.harness import QUICK

            main_of_the_broker(passwords=QUICK)
        else:
            from cnmessage_client.cli.main import main

            main()
        status = 0
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:  # noqa: BLE001 - told as Python tells it
        sys.excepthook(*sys.exc_info())
    finally:
        atexit._run_exitfuncs()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    # What is imported here need not be imported later.
    import cnmessage_broker.cli  # noqa: F401
    import tests.support.harness  # noqa: F401

    gc.freeze()  # or each command would copy what its collector looks at
    _serve(socket.socket(fileno=int(sys.argv[1])))
