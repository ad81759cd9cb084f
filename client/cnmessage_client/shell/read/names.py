"""Names of users as people write them, with what belongs to other programs: `@bob`, `bob,carol`, `bob:`.

Nothing is guessed for them: an error says how they are written here. Knows no command.
"""

import re
from collections.abc import Sequence
from typing import Any

import click

from cnmessage_protocol.ids import may_be_user, user_name


class Someone(click.ParamType[str]):
    """A click type that gives a name as it is written, which a user could have."""

    name = "user"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """Check it, or fail with how a name looks."""
        try:
            user_name(str(value))
        except ValueError as error:
            tidy = tidied([str(value)])
            hint = f"; write {' '.join(tidy)}" if tidy else ""
            return self.fail(f"'{value}' cannot be a user: {error}{hint}", parameter, context)
        return str(value)


def tidied(names: Sequence[str]) -> list[str] | None:
    """The names without what people put around them; None where that is nothing, or not enough."""
    tidy = [each.strip("@:,;") for name in names for each in re.split(r"[,;]", name)]
    tidy = [each for each in tidy if each]
    return tidy if tidy and tidy != list(names) and all(map(may_be_user, tidy)) else None
