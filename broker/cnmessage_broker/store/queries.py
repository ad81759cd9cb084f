"""The named SQL statements beside this file, read once."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load() -> Mapping[str, str]:
    """Name to statement, as `sql/queries.sql` holds them."""
    text = (files(__package__) / "sql" / "queries.sql").read_text(encoding="utf-8")
    parts = _HEADER.split(text)[1:]
    return MappingProxyType(
        {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)},
    )


def migrations() -> list[str]:
    """The migration scripts in order; the n-th brings a database to schema version n."""
    folder = files(__package__) / "sql" / "migrations"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]
