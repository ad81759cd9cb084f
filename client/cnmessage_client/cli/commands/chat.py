"""The command `chat`: whose chat it is, and at which broker. All else is the chat's own.

Imports nothing of the chat before it runs: every other command would pay for it.
"""

import asyncio
import sys
from dataclasses import replace

import click

from cnmessage_client.profile import DEFAULT_BROKER, Home
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.group import program_of
from cnmessage_client.shell.read.which_file import may_be_user
from cnmessage_client.shell.settings import Settings, common, usage


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage chat",
        asks=False,
        account=False,
        moves=False,
        in_chat=False,
        prints=False,
        for_reader=True,
        long_lived=True,
        usual=("talk", "open", "start", "shell", "interactive"),
        instead=lambda words: f"chat, and there: to {words[0]}" if may_be_user(words[0]) else None,
    )
)
@click.option("--plain", is_flag=True, help="Line after line: no full screen, no colour, nothing redrawn.")
@common
@click.pass_context
def chat(context: click.Context, settings: Settings, plain: bool) -> int:
    """Talk: messages come while you type. From a pipe: its lines are commands, as typed."""
    if settings.prefix is not None:
        raise usage("this is the chat already; 'to NAME' begins a conversation")
    home = Home.find()
    profile = home.profile(settings.profile or home.current_profile)
    broker = settings.broker or profile.broker or DEFAULT_BROKER
    own = replace(settings, profile=profile.name, broker=broker)
    from cnmessage_client.chat.drive.sitting import sit  # noqa: PLC0415 - 200 ms that all other commands spare

    return asyncio.run(sit(program_of(context), own, plain=plain, broker_given=settings.broker is not None))


def opens_alone() -> bool:
    """Whether the program, called without a command, opens the chat: a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()
