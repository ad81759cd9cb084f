"""A copy of a database, made while a broker may be running on it."""

from pathlib import Path

import apsw

from cnmessage_broker import durable
from cnmessage_broker.store.sqlite.condition import first_fault, reading
from cnmessage_broker.store.sqlite.incarnation import mark_as_copy
from cnmessage_broker.store.sqlite.migrate import backup, damaged


class BackupError(Exception):
    """No copy was made; the text says why and what to do."""


def back_up(source: Path, target: Path) -> None:
    """A consistent copy; whoever starts on it later gets a new epoch, so that clients resync.

    The copy is looked at before anybody trusts it: a damaged one must not take the place of a good one. It
    has its name only once it is whole. BackupError, or UnusableDatabaseError.
    """
    with reading(source, beside_a_broker=True) as connection:
        try:
            with durable.replaced(target) as copy:
                backup(connection, copy)
                _finish_copy(source, copy)
        except OSError as error:
            raise BackupError(f"cannot write {target}: {error.strerror}; nothing of it is left") from error
        except apsw.FullError as error:
            text = f"no room for {target}: its disk is full; nothing of it is left"
            raise BackupError(f"{text}. Make room, or choose another place") from error
        except apsw.IOError as error:  # whose own words may be "not an error"
            text = f"{source} cannot be copied to {target}: the disk failed, or files may not grow so large"
            raise BackupError(f"{text} (ulimit -f); nothing of it is left") from error
        except apsw.Error as error:
            raise BackupError(
                f"{source} cannot be copied to {target}: {error}; nothing of it is left"
            ) from error


def _finish_copy(source: Path, target: Path) -> None:
    copy = apsw.Connection(str(target))
    try:
        fault = first_fault(copy)
        if fault is not None:
            raise damaged(source, fault)
        mark_as_copy(copy)
    finally:
        copy.close()
