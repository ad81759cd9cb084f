"""The command `chat`: whose chat it is, and at which broker. All else is the chat's own.

Imports nothing of the chat before it runs: every other command would pay for it.
"""

import asyncio
from dataclasses import replace

import click

from cnmessage_client.address import DEFAULT_BROKER, parse_address
from cnmessage_client.profile import Home
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.group import program_of
from cnmessage_client.shell.read.completion import complete_name
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_protocol.conversation import Conversation, from_wire


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage chat",
        asks=False,
        account=False,
        moves=False,
        in_chat=False,
        to_users=True,
        prints=False,
        for_reader=True,
        long_lived=True,
        usual=("to", "home", "talk", "open", "start", "shell", "interactive"),
    )
)
@click.argument("name", metavar="[NAME|all]", required=False, shell_complete=complete_name)
@click.option("--plain", is_flag=True, help="Line after line: no full screen, no colour, nothing redrawn.")
@common
@click.pass_context
def chat(context: click.Context, settings: Settings, plain: bool, name: str | None = None) -> int:
    """Talk: messages come while you type. NAME opens the conversation with that user.

    From a pipe: its lines are commands, as typed.
    """
    if settings.prefix is not None:
        raise usage(f"this is the chat already; '{settings.prefix}to NAME' begins a conversation")
    conversation = None if name is None else _conversation(name)
    home = Home.find()
    profile = home.profile(settings.profile or home.current_profile)
    broker = settings.broker or profile.broker or DEFAULT_BROKER
    parse_address(broker)  # said before a screen is opened, or anything asked
    own = replace(settings, profile=profile.name, broker=broker)
    from cnmessage_client.chat.drive.sitting import sit  # noqa: PLC0415 - 200 ms that all other commands spare

    given = settings.broker is not None
    return asyncio.run(
        sit(program_of(context), own, plain=plain, broker_given=given, conversation=conversation)
    )


def _conversation(name: str) -> Conversation:
    try:
        return from_wire(name.removeprefix("@").lower())
    except ValueError as error:
        raise usage(f"'{name}' cannot be a user: {error}") from error
