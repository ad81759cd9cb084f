"""A copy of a database, made while a broker may be running on it."""

from pathlib import Path

import apsw

from cnmessage_broker.store.sqlite.condition import first_fault, reading
from cnmessage_broker.store.sqlite.incarnation import mark_as_copy
from cnmessage_broker.store.sqlite.migrate import UnusableDatabaseError, backup, damaged


def back_up(source: Path, target: Path) -> None:
    """A consistent copy; whoever starts on it later gets a new epoch, so that clients resync.

    The copy is looked at before anybody trusts it: a damaged one must not take the place of a good one.
    """
    with reading(source, beside_a_broker=True) as connection:
        try:
            target.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise UnusableDatabaseError(f"cannot write {target}: {error.strerror}") from error
        try:
            backup(connection, target)
            _finish_copy(source, target)
        except apsw.Error as error:
            target.unlink()
            raise UnusableDatabaseError(f"{source} cannot be copied: {error}") from error
        except BaseException:
            target.unlink()
            raise


def _finish_copy(source: Path, target: Path) -> None:
    copy = apsw.Connection(str(target))
    try:
        fault = first_fault(copy)
        if fault is not None:
            raise damaged(source, fault)
        mark_as_copy(copy)
    finally:
        copy.close()
