"""Words of a command line that cannot be used: each is answered in one line. Knows no command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class PathWord(click.ParamType[Path]):
    """A path; an empty word, as of a variable that is not set, does not mean this directory."""

    name = "path"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Path:
        """Check it, or fail."""
        return Path(value) if value != "" else self.fail("it is empty; name a path", parameter, context)


def status_of(
    program: click.Command, name: str | None, say: Callable[[str], object], given: object = None
) -> int:
    """Run a program with this process's words; gives its exit status. A command may also exit by itself.

    `say` takes what is to be told of words that are wrong, `given` is the object of click's context.
    """
    try:
        status = program.main(prog_name=name, standalone_mode=False, obj=given)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return error.exit_code
    except click.UsageError as error:
        see = "" if error.ctx is None else f" (see: {error.ctx.command_path} --help)"
        say(f"cnmessage-broker: {error.format_message().rstrip('.')}{see}")
        return error.exit_code
    except click.Abort:
        return 130
    return status if isinstance(status, int) else 0
