"""The command `export`: messages written down to be kept, as JSON Lines, Markdown or one HTML page."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from cnmessage_client.cli.commands.exporting import Exporting, Order, check_output, opened
from cnmessage_client.cli.commands.get_files import no_directory
from cnmessage_client.client import Client
from cnmessage_client.private import private_folder
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.out.document import Document, JsonLines
from cnmessage_client.shell.out.markdown import Markdown
from cnmessage_client.shell.out.page import Page
from cnmessage_client.shell.read.completion import complete_name
from cnmessage_client.shell.read.named_file import Named
from cnmessage_client.shell.read.names import Someone, tidied
from cnmessage_client.shell.read.times import Moment, When
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_client.shell.streams import write_as_read
from cnmessage_client.transfer.disk import disk_error
from cnmessage_protocol.ids import may_be_user

_FORMS: Mapping[str, Callable[[], Document]] = {"jsonl": JsonLines, "md": Markdown, "html": Page}
_ENDINGS = {".md": "md", ".markdown": "md", ".html": "html", ".htm": "html"}
"""What a name ends in tells the form, where nothing else does."""

_STDOUT = "-"
_NAMES = {"--with", "--to", "--from", "--user", "--peer", "--all"}
"""Options that `history` and other programs have for whom."""


def _instead(words: Sequence[str]) -> str | None:
    """Names behind an option, or with what other programs put around them: `--with bob`, `@bob`."""
    names = [word for word in words if word not in _NAMES]
    if len(names) == len(words):
        return None
    tidy = tidied(names) or names
    return shlex.join(["export", *tidy]) if all(map(may_be_user, tidy)) else None


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage export bob --output bob.html --files bob-files",
        asks=False,
        account=False,
        moves=True,
        in_chat=False,
        to_users=True,
        usual=("backup", "dump", "save", "archive", "download"),
        instead=_instead,
    )
)
@click.argument("names", metavar="[NAME]...", nargs=-1, type=Someone(), shell_complete=complete_name)
@click.option("--since", type=Moment(), help="Not older than: today, 2026-03-01, 09:30, 15m, 2h30m, 3d, 1w.")
@click.option("--until", type=Moment(), help="Older than.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMS)),
    help="JSON Lines, Markdown, or one HTML page.  [default: as --output ends, else jsonl]",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE|-",
    default=_STDOUT,
    type=Named(allow_dash=True),
    help="Write it there, once it is whole; - is standard output.  [default: -]",
)
@click.option("--force", is_flag=True, help="Replace the FILE of --output.")
@click.option(
    "--files",
    metavar="DIR",
    type=Named(file_okay=False),
    help="Fetch the files, too, as far as they are still to be had, and refer to them there.",
)
@common
def export(
    settings: Settings,
    names: tuple[str, ...],
    form: str | None,
    output: str,
    files: str | None,
    force: bool,
    **span: Any,
) -> None:
    """Write all messages down, oldest first: what you received and sent, or the conversations with NAMEs.

    `all` as a NAME is what was said to everyone. Nothing counts as read.
    """
    place = None if output == _STDOUT else Path(output)
    form = form or ("jsonl" if place is None else _ENDINGS.get(place.suffix.lower(), "jsonl"))
    directory = None if files is None else Path(files)
    since: When | None = span["since"]
    until: When | None = span["until"]
    run = Exporting(settings, Order(names, since, until, form, place, force, directory), _FORMS[form]())
    if place is not None:
        check_output(place, force=force)
    elif force:
        raise usage("--force is about --output: say also which FILE")
    elif settings.as_json and form != "jsonl":
        raise usage(f"--json is another form than --format {form}; leave one out, or name an --output")
    if directory is not None:
        _make(directory)
    try:
        _run(settings, run, place, force=force)
    except KeyboardInterrupt:
        left = "what was written is only a beginning" if place is None else f"nothing is in {place}"
        settings.renderer.note(f"interrupted; {left}")
        raise
    run.tell()


def _run(settings: Settings, run: Exporting, place: Path | None, *, force: bool) -> None:
    if place is not None:
        with opened(place, force=force) as write:
            settings.run(lambda client: run.job(client, write))
        return
    stdout = settings.host.stdout()

    async def job(client: Client) -> None:
        await settings.host.while_read(run.job(client, partial(write_as_read, stdout)))

    settings.run(job)


def _make(directory: Path) -> None:
    """Make the directory of files, if it is not there."""
    try:
        private_folder(directory)
    except FileExistsError as error:
        raise no_directory(str(directory)) from error
    except OSError as error:
        raise disk_error(error, directory, writing=True) from error
