"""How a command can end: what a person is told about it, and the exit status.

Knows no command by name: the group that has them is handed in.
"""

import errno
from collections.abc import Sequence

import click

from cnmessage_client.home_files import RAISE_LIMIT, TOO_MANY
from cnmessage_client.shell.settings import Settings
from cnmessage_client.shell.wrong_form import explained
from cnmessage_protocol.errors import EXIT_STATUS, CnMessageError, ErrorCode


def perform(
    program: click.Group, words: Sequence[str], settings: Settings
) -> tuple[CnMessageError | None, int]:
    """Carry out one command of `program`; gives what to tell the person, if anything, and the exit status.

    Blocks: a chat calls it in a thread of its own. Writes to no stream but those of the settings' host, which
    click's own way to run a command does when it is interrupted.
    """
    try:
        with program.make_context("", list(words), obj=settings) as context:
            program.invoke(context)
    except click.exceptions.Exit as leave:
        return None, leave.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - `ended` raises what it does not know
        return ended(error)
    return None, 0


def ended(error: BaseException) -> tuple[CnMessageError | None, int]:
    """What to tell a person about the end of a command, if anything, and the exit status.

    Raises the error again when it is none that a command ends with, but a defect.
    """
    match error:
        case CnMessageError():
            return error, error.exit_status
        case click.UsageError():
            return CnMessageError(ErrorCode.USAGE, _usage_text(explained(error))), error.exit_code
        case click.ClickException():
            return CnMessageError(ErrorCode.USAGE, error.format_message()), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return None, EXIT_STATUS[ErrorCode.INTERRUPTED]
        case BrokenPipeError():
            return None, 1
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            from cnmessage_client.transfer.disk import disk_error  # noqa: PLC0415 - most commands fill no disk

            trouble = disk_error(error, error.filename or "the output", writing=True)
            trouble.__cause__ = error
            return trouble, trouble.exit_status
        case OSError(errno=errno.EBADF, filename=None):
            trouble = CnMessageError(ErrorCode.STORAGE, "standard output is closed: nothing can be printed")
            trouble.__cause__ = error
            return trouble, trouble.exit_status
        case FileNotFoundError(filename=None):
            text = (
                "the directory that this runs in was removed; go to another one (cd), then do the same again"
            )
            trouble = CnMessageError(ErrorCode.UNREADABLE, text)
            return trouble, trouble.exit_status
        case OSError(errno=number) if number in TOO_MANY:
            trouble = CnMessageError(ErrorCode.STORAGE, f"{error.strerror}; {RAISE_LIMIT}")
            return trouble, trouble.exit_status
        case OSError():
            text = f"{error.filename or 'output'}: {error.strerror}"
            return CnMessageError(ErrorCode.INTERNAL, text), 1
        case _:
            raise error


def _usage_text(error: click.UsageError) -> str:
    text = error.format_message().rstrip(".")
    if error.ctx is None:
        return text
    called = _called(error.ctx)
    return f"{text} (see: {called} --help)" if called.strip("/") else f"{text} (see: {called}help)"


def _called(context: click.Context) -> str:
    """How the command is typed here: in a chat without the program's name, in a conversation with a slash."""
    prefix = getattr(context.find_root().obj, "prefix", None) or ""
    return f"{prefix}{context.command_path.strip()}"
