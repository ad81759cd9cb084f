"""The command `history`: what was received, narrowed by number, person and time."""

from collections.abc import Sequence

import click

from cnmessage_client.client import Client
from cnmessage_client.model import Message, Unknown
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.read.completion import complete_name
from cnmessage_client.shell.read.names import Someone
from cnmessage_client.shell.read.times import Moment, When, is_moment
from cnmessage_client.shell.read.which_time import span_of
from cnmessage_client.shell.receipts import tell_received
from cnmessage_client.shell.settings import Settings, common
from cnmessage_protocol.ids import may_be_user

_ALL = 1_000_000
_DEFAULT_COUNT = 20
_COUNTS = {"-n", "--last", "--limit", "--count", "--number", "--tail"}
"""Options that other programs have for how many."""


def _instead(words: Sequence[str]) -> str | None:
    """A number, a name or a time at a wrong place: `bob`, `-5`, `5 bob`, `--last 5`, `2h`."""
    count, narrowed = "", ""
    for word in words:
        if word in _COUNTS:
            continue
        number = word.removeprefix("-").removeprefix("n")
        if number.isdecimal() and number.isascii():
            count = f" {number}"
        elif is_moment(word):
            narrowed = f" --since {word}"
        elif may_be_user(word.removeprefix("@")) and not word[:1].isdecimal():
            narrowed = f" --with {word.removeprefix('@').lower()}"
    return f"history{count}{narrowed}" if count or narrowed else None


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage history 5 --with bob",
        asks=False,
        account=False,
        moves=False,
        unread="--unread",
        usual=("read", "messages", "log", "list", "show"),
        instead=_instead,
    )
)
@click.argument("count", metavar="[N]", type=click.IntRange(0, _ALL), required=False)
@click.option(
    "--with",
    "peer",
    metavar="NAME",
    type=Someone(),
    shell_complete=complete_name,
    help="The conversation with one user.",
)
@click.option(
    "--since",
    type=Moment(),
    help="Not older than: today, 2026-03-01, 09:30, 15m, 2h30m, 3d, 1w. Without N, all.",
)
@click.option("--until", type=Moment(), help="Older than.")
@click.option(
    "--missed", is_flag=True, help="Direct messages that came while you were last offline; same as N = 0."
)
@click.option("--unread", is_flag=True, help="Only what was not read yet; marks it as read.")
@click.option("--keep", is_flag=True, help="With --unread: leave it unread.")
@common
def history(
    settings: Settings,
    count: int | None,
    peer: str | None,
    since: When | None,
    until: When | None,
    missed: bool,
    unread: bool,
    keep: bool,
) -> None:
    """Show the latest N messages you received (20), oldest first. 0: all you missed while offline.

    Times are those of the broker, which dates the messages.
    """
    missed = missed or count == 0
    every = missed or unread or since is not None
    limit = count or (_ALL if every else _DEFAULT_COUNT)

    async def job(client: Client) -> list[Message | Unknown]:
        begin, end = await span_of(client, since, until)
        asked = limit if count else limit + 1  # one more tells that there are more
        found = await client.entries(asked, peer=peer, since=begin, until=end, missed=missed, unread=unread)
        more, found = len(found) > limit, found[-limit:]
        renderer = settings.renderer
        for entry in found:
            renderer.entry(entry)
        if more and (every or until is not None):
            renderer.note(
                f"These are the latest {limit:,}; older ones are left out. For more, give their number."
            )
        # Only a list without holes may be marked: a mark covers all that lies below it.
        whole = since is None and until is None and not missed
        marks = unread and whole and not keep and bool(found)
        if marks and len(found) >= limit:
            marks = len(found) == await _unread(client, peer)
        if marks:
            await client.mark_read(found[-1].seq, peer=peer)
        else:
            shown = {entry.seq for entry in found if entry.received}
            await tell_received(client, lambda entry: entry.seq in shown)
        return found

    if not settings.run(job):
        settings.renderer.note("Nothing there.")


async def _unread(client: Client, peer: str | None) -> int:
    """How many messages wait, of one conversation if it is given."""
    if peer is None:
        return (await client.whoami()).unread
    return sum(each.unread for each in await client.conversations() if each.name == peer)
