"""Named statements on one SQLite connection; its errors become StoreError.

Knows nothing of what the statements mean.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import apsw

from cnmessage_broker.store.ports.records import StoreError

Bindings = Sequence[Any] | Mapping[str, Any]


_VALUES = re.compile(r"(?<=VALUES )(\(\?(?:, \?)*\))")
_AT_ONCE = (64, 16, 4, 1)
"""Rows of one statement: few sizes, so that the statements stay prepared."""


class Soundness:
    """Whether a database can be trusted still; shared by all of its connections."""

    def __init__(self) -> None:
        self.failed = False

    def damage(self, error: Exception) -> StoreError:
        """What is there was never written so. Nobody knows what else is wrong, so the broker must stop."""
        self.failed = True
        text = f"the broker's database is damaged: {error!r}; 'cnmessage-broker check --deep' tells more"
        return StoreError(text, fatal=True)

    def translated(self, error: apsw.Error) -> StoreError:
        """What an error of SQLite means for the broker."""
        if isinstance(error, apsw.FullError):
            return StoreError("the broker's disk is full", fatal=False)
        if isinstance(error, apsw.BusyError):
            return StoreError("another program holds the broker's database", fatal=False)
        if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
            return self.damage(error)
        self.failed = True
        return StoreError(f"the broker's disk failed: {error}", fatal=True)


class Statements:
    """Runs the statements `sql` on a connection, one thread at a time."""

    def __init__(self, connection: apsw.Connection, sql: Mapping[str, str], soundness: Soundness) -> None:
        self.connection = connection
        self._sql = sql
        self._soundness = soundness

    def run(self, name: str, bindings: Bindings = ()) -> list[tuple[Any, ...]]:
        """Run a named statement; all its rows."""
        return list(self.each(name, bindings))

    def each(self, name: str, bindings: Bindings = ()) -> Iterator[tuple[Any, ...]]:
        """Run a named statement; its rows as they are asked for."""
        try:
            yield from self.connection.execute(self._sql[name], bindings)
        except apsw.ConstraintError:
            raise
        except apsw.Error as error:
            raise self._soundness.translated(error) from error
        except UnicodeDecodeError as error:
            raise self.damage(error) from error

    def many(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a named statement for all these rows of bindings, inside a transaction.

        Where it has a row of VALUES it is run with many of them at once: between two steps the writer
        must get Python's lock again, which a busy loop has, and each row would wait for that.
        """
        before, *rest = _VALUES.split(self._sql[name])
        if not rest:
            self.connection.executemany(self._sql[name], rows)
            return
        values, after = rest
        done = 0
        for size in _AT_ONCE:
            sql = before + ", ".join([values] * size) + after
            while len(rows) - done >= size:
                self.connection.execute(sql, list(chain.from_iterable(rows[done : done + size])))
                done += size

    def damage(self, error: Exception) -> StoreError:
        """What was read was never written so."""
        return self._soundness.damage(error)
