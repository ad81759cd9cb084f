"""The named SQL statements beside this file, read once."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load() -> Mapping[str, str]:
    """Name to statement, as the files of `sql/` hold them."""
    statements: dict[str, str] = {}
    for name in ("queries.sql", "sections.sql", "files.sql"):
        parts = _HEADER.split((files(__package__) / "sql" / name).read_text(encoding="utf-8"))[1:]
        statements |= {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
    return MappingProxyType(statements)


def migrations() -> list[str]:
    """The migration scripts in order; the n-th brings a database to schema version n."""
    folder = files(__package__) / "sql" / "migrations"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]
