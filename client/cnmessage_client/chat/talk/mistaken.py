"""Whether a text that is to be sent is a command whose slash was forgotten. Pure; knows nobody's name."""

from collections.abc import Callable, Sequence

from cnmessage_client.chat.talk.effects import Edit, RunCommand
from cnmessage_client.chat.talk.lines import OWN_COMMANDS, Commands, Hint, SendText, read_command
from cnmessage_protocol.conversation import Direct


def like_command(
    text: str,
    commands: Commands,
    *,
    could_be: Callable[[Sequence[str]], bool],
    user: Callable[[str], bool],
) -> bool:
    """Whether a text is a command as well, whose slash was perhaps forgotten.

    `could_be` says whether the command line has a command for these words, `user` whether somebody is called
    so: most texts that begin as a command does go on otherwise.
    """
    line = text.strip()
    if not line or "\n" in line or line[0] in "/@":
        return False
    match read_command(line, "/", commands):
        case Hint():
            return False
        case SendText(to):
            return all(not isinstance(each, Direct) or user(each.name) for each in to)
        case RunCommand(("help", *words)):
            return all(word in commands or word in OWN_COMMANDS for word in words[:1])
        case RunCommand(words):
            return could_be(words)
        case Edit(beginning):
            return not beginning
        case _:
            return True
