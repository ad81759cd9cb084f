"""Why a file was not sent, with the line to type where a word was meant otherwise, or goes another way."""

import shlex
import stat
from pathlib import Path

from msgspec import Struct

from cnmessage_client.model import SentFile
from cnmessage_client.shell.settings import Settings
from cnmessage_client.transfer.names import safe_name
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import may_be_user


class Order(Struct, frozen=True):
    """To whom files are sent, and how that was said."""

    names: list[str]
    guessed: bool
    """Whether their form told which words are users."""
    many: bool
    """Whether there may be several users."""


def explained(settings: Settings, file: SentFile, path: str, order: Order) -> CnMessageError:
    """The error of a file at `path`, with what to type instead if that is known."""
    error, names = file.error, order.names
    if error is None:
        raise TypeError("a file that failed has an error")
    if error.code is ErrorCode.NO_SUCH_USER and order.guessed and len(names) > 1:
        hint = f"If '{names[-1]}' is meant to be a file: there is none of that name here"
        return CnMessageError(error.code, f"{error.message}. {hint}")
    if error.code is ErrorCode.NO_SUCH_FILE and order.many and may_be_user(path) and "." not in path:
        hint = f"if '{path}' is a user: users stand before the files, or each behind --to"
        return CnMessageError(error.code, f"{error.message}; {hint}")
    if error.code is ErrorCode.USAGE and (text := _by_pipe(settings, names, path)) is not None:
        return CnMessageError(error.code, text)
    return error


def _by_pipe(settings: Settings, names: list[str], path: str) -> str | None:
    """What is at a path that is no file with an end that is known, and how it is sent all the same."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode):
        return f"{path} is a directory; in a shell, send it packed: {_packed(settings, names, path)}"
    if settings.prefix is not None or stat.S_ISSOCK(mode):
        return None
    word = shlex.quote(f"./{path}" if path.startswith("-") else path)
    call = ["files", "send", *names, "-", "--name", safe_name(Path(path).name)]
    send = settings.typed(shlex.join(call))
    if stat.S_ISFIFO(mode):
        return f"{path} is a named pipe, and no file; send what comes out of it: cat {word} | {send}"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return f"{path} is a device, and no file; send a part of it: head -c SIZE {word} | {send}"
    return (
        f"{path} does not hold as much as it says, as is usual in /proc and /sys; send what it gives: "
        f"cat {word} | {send}"
    )


def _packed(settings: Settings, names: list[str], path: str) -> str:
    """The line that sends a directory, as a shell has it, or a chat, where nothing can be piped."""
    place = Path(path).resolve()
    name, send = f"{safe_name(place.name)}.tar.gz", ["files", "send", *names]
    within = Path(path).parts == (place.name,) and not path.startswith("-")
    what = shlex.join([str(Path(path))] if within else ["-C", str(place.parent), f"./{place.name}"])
    if settings.prefix is not None:
        then = settings.typed(shlex.join([*send, name]))
        return f"tar czf {shlex.quote(name)} {what}, and then here: {then}"
    return f"tar cz {what} | {settings.typed(shlex.join([*send, '-', '--name', name]))}"
