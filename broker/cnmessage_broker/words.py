"""Words of a command line that cannot be used: each is answered in one line. Knows no command."""

from pathlib import Path
from typing import Any

import click


class PathWord(click.ParamType[Path]):
    """A path; an empty word, as of a variable that is not set, does not mean this directory."""

    name = "path"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Path:
        """Check it, or fail."""
        return Path(value) if value != "" else self.fail("it is empty; name a path", parameter, context)


def status_of(program: click.Command, name: str | None) -> int:
    """Run a program with this process's words; gives its exit status. A command may also exit by itself."""
    try:
        status = program.main(prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        see = "" if error.ctx is None else f" (see: {error.ctx.command_path} --help)"
        click.echo(f"cnmessage-broker: {error.format_message().rstrip('.')}{see}", err=True)
        return error.exit_code
    except click.Abort:
        return 130
    return status if isinstance(status, int) else 0
