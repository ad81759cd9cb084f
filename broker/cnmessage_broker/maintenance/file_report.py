"""All files of a database, for whoever runs the broker; reads only, also while the broker runs."""

from dataclasses import dataclass
from pathlib import Path

from cnmessage_broker.store.sqlite.condition import reading

_QUERY = """
    SELECT file.id, account.name, file.name, file.size, file.created, file.expires, file.status,
           file.offered, (SELECT count(*) FROM fetch WHERE fetch.file = file.number AND fetch.status = 'done')
    FROM file JOIN account ON account.id = file.owner
    ORDER BY file.number
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file. Times in ms since 1970; `fetched` of `recipients` have it."""

    id: bytes
    owner: str
    name: str
    size: int
    created: int
    expires: int | None
    status: str
    recipients: int
    fetched: int

    @property
    def takes_room(self) -> bool:
        """Whether its bytes are kept."""
        return self.status in {"uploading", "stored"}


def all_files(path: Path) -> list[Listed]:
    """Every file there was, the oldest first."""
    with reading(path, beside_a_broker=True) as connection:
        return [Listed(*row) for row in connection.execute(_QUERY)]
