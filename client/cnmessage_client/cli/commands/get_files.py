"""Fetching files: `files get` and `getfile`, into a directory or, verified first, to standard output."""

import os
import shlex
from pathlib import Path
from typing import Any, BinaryIO

import click

from cnmessage_client.cli.commands.getting import Getting, Options
from cnmessage_client.cli.commands.send_files import RESUME
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.read.completion import complete_offered
from cnmessage_client.shell.read.named_file import Named
from cnmessage_client.shell.read.which_file import STDIN
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_protocol.errors import CnMessageError


def _fetching(function: Any) -> Any:
    for option in (
        click.option(
            "--skip-existing", is_flag=True, help="Leave out what has a file of that name there already."
        ),
        click.option("--force", is_flag=True, help="Replace files of the same name."),
        click.option(
            "--preserve", is_flag=True, help="Give them the time and the x-bit of their sender's files."
        ),
        click.option(
            "--all",
            "every",
            is_flag=True,
            help="All that were offered to you and neither fetched nor given up yet.",
        ),
        click.option(
            "--output",
            "-o",
            metavar="DIR|-",
            default=".",
            type=Named(file_okay=False, allow_dash=True),
            help="Put them there; - is standard output.  [default: here]",
        ),
        click.argument("words", metavar="NAME-or-ID...", nargs=-1, shell_complete=complete_offered),
    ):
        function = option(function)
    return function


@command(
    Facts(
        Section.FILES,
        "cnmessage files get report.pdf 1a2b3c4d -o /tmp",
        asks=False,
        account=False,
        moves=True,
        for_reader=True,
        usual=("fetch", "download", "accept", "save"),
    )
)
@_fetching
@common
def get(settings: Settings, **options: Any) -> None:
    """Fetch files that were sent to you, by id (its first digits will do) or by name.

    Nothing is overwritten unasked, and nothing is kept that is not what was sent. Cut off, the same command
    goes on where it stopped.
    """
    _get(settings, Options(**options))


@command(
    Facts(
        Section.FILES,
        "cnmessage getfile 2 report.pdf figures.csv",
        asks=False,
        account=False,
        moves=True,
        for_reader=True,
    )
)
@_fetching
@common
def getfile(settings: Settings, **options: Any) -> None:
    """Fetch files, as `files get`. A leading number of how many follow is accepted."""
    _get(settings, Options(counted=True, **options))


def _get(settings: Settings, order: Options) -> None:
    stdout = _check(settings, order)
    run = Getting(settings, order)
    try:
        settings.run(run.job)
    except KeyboardInterrupt:
        settings.renderer.note(RESUME)
        raise
    except CnMessageError:
        run.print_verified(stdout)
        raise
    run.print_verified(stdout)


def _check(settings: Settings, order: Options) -> BinaryIO | None:
    """Where files are printed, if they are."""
    if bool(order.words) is order.every:
        both = ", not both" if order.every else f": {settings.typed('files get NAME')}"
        raise usage(f"name the files to fetch, or use --all{both}")
    if order.force and order.skip_existing:
        raise usage("give --force or --skip-existing, not both")
    if order.preserve and order.output == STDIN:
        raise usage("-o - has neither time nor x-bit; leave --preserve out")
    if order.output != STDIN:
        if not os.path.isdir(order.output):  # noqa: PTH112 - raises nothing, where Path's may
            raise no_directory(order.output)
        return None
    if settings.as_json:
        raise usage("-o - writes the files themselves to standard output; leave --json out")
    stdout = settings.host.stdout()
    if settings.host.surface.person:
        raise usage("-o - would write raw data to this terminal; use a pipe, or > FILE")
    return stdout


def no_directory(output: str) -> CnMessageError:
    """What is in the way of a directory, or how to make it."""
    there = next((each for each in (Path(output), *Path(output).parents) if os.path.lexists(each)), None)
    if there is not None and not os.path.isdir(there):  # noqa: PTH112 - as above
        return usage(f"'{there}' is no directory; name one to put the files in")
    make = shlex.join(["mkdir", "-p", "--", output])
    return usage(f"there is no directory '{output}'; make it first: {make}")
