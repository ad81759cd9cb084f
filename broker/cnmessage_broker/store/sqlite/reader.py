"""Reading pages out of the SQLite file; see Reader for the contract. Nothing here writes."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from cnmessage_broker.store.directory import HeldDirectory
from cnmessage_broker.store.ports.records import (
    AccountId,
    ConversationRow,
    Found,
    Owner,
    Place,
    Query,
    UserRow,
)
from cnmessage_broker.store.sqlite.database import ReadingConnection
from cnmessage_broker.store.sqlite.file_reader import SqliteFileReader
from cnmessage_broker.store.sqlite.inboxes import Inboxes
from cnmessage_broker.store.sqlite.looking_back import LookingBack
from cnmessage_broker.store.sqlite.statements import Statements
from cnmessage_protocol.ids import MessageId, UserName
from cnmessage_protocol.records import InboxItem


class SqlitePages:
    """Users and inboxes, by the statements of one connection."""

    def __init__(
        self, statements: Statements, directory: HeldDirectory, files: SqliteFileReader, section: int
    ) -> None:
        self._statements = statements
        looking = LookingBack(statements, directory, section)
        self._inboxes = Inboxes(statements, looking, directory.accounts, files.facts)

    def users(self, after: str, limit: int) -> Sequence[UserRow]:
        return [UserRow(*row) for row in self._statements.run("users", (after, limit))]

    def inbox_after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        return self._inboxes.after(owner, after, limit, max_bytes)

    def history(self, owner: Owner, query: Query) -> Found:
        return self._inboxes.history(owner, query)

    def conversations(
        self, owner: Owner, behind: Place | None, limit: int, max_bytes: int
    ) -> Sequence[ConversationRow]:
        return self._inboxes.conversations(owner, behind, limit, max_bytes)

    def receipts(
        self, sender: AccountId, ids: Sequence[MessageId], limit: int
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        return self._inboxes.receipts(sender, ids, limit)

    def places(self, packed: bytes) -> list[tuple[Owner, int]]:
        """Where a message went: recipients, and the number of its item in their inboxes."""
        return self._inboxes.places(packed)


class SqliteReader(SqlitePages):
    """Reader on a connection of its own."""

    def __init__(self, connection: ReadingConnection, directory: HeldDirectory, section: int) -> None:
        self.files = SqliteFileReader(connection, directory.accounts)
        super().__init__(connection, directory, self.files, section)
        self._connection = connection

    def one_state(self) -> AbstractContextManager[None]:
        return self._connection.one_state()

    def close(self) -> None:
        self._connection.close()
