"""The command `inbox`: with whom one talks, what waits, and what was said last."""

import click

from cnmessage_client.client import Client
from cnmessage_client.model import UNKNOWN, ConversationInfo, Message
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.settings import Settings, common

_LAST = 60
"""Characters of the last message that a person is shown."""


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage inbox",
        asks=False,
        account=False,
        moves=False,
        aliases=("conversations",),
        usual=("overview", "unread", "talks", "chats"),
    )
)
@click.option("--unread", is_flag=True, help="Only conversations in which something waits.")
@common
def inbox(settings: Settings, unread: bool) -> None:
    """List your conversations, with what is unread and what was said last.

    Nothing counts as read.
    """

    async def job(client: Client) -> list[ConversationInfo]:
        return await client.conversations()

    found = [each for each in settings.run(job) if each.unread or not unread]
    renderer = settings.renderer
    if not found:
        renderer.note(
            "Nothing waits." if unread else "You have no conversation yet; write to somebody first."
        )
        return
    rows = [
        (
            each.as_json(),
            (
                each.name,
                str(each.unread),
                renderer.when(each.last.time),
                _last(each, short=renderer.for_person),
            ),
        )
        for each in found
    ]
    renderer.table(("WITH", "UNREAD", "LAST", "WHAT"), rows)


def _last(row: ConversationInfo, *, short: bool) -> str:
    """Who said what last; for a person the beginning of its first line."""
    if not isinstance(row.last, Message):
        return UNKNOWN
    body, file = row.last.body, row.last.file
    text = body if file is None else f"[{file.name}] {body}".rstrip()
    if short:
        line, *more = text.split("\n")
        text = line[:_LAST] + "…" if more or len(line) > _LAST else line
    return f"{row.last.sender}: {text}"
