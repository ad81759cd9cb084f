"""Whether a text that is to be sent is a command whose slash was forgotten. Pure."""

from collections.abc import Callable, Iterator, Sequence

from cnmessage_client.chat.talk.doubt import in_small
from cnmessage_client.chat.talk.effects import Edit, RunCommand
from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS, Commands, read_command
from cnmessage_client.chat.talk.meanings import Hint, SendText
from cnmessage_client.chat.talk.presence import KnownUsers
from cnmessage_protocol.conversation import Conversation, Direct, on_screen


class Slips:
    """What may be a slip in one chat, with these commands and the users that it knows."""

    def __init__(
        self, commands: Commands, could_be: Callable[[Sequence[str]], bool], users: KnownUsers
    ) -> None:
        self._commands, self._could_be, self._users = commands, could_be, users

    def like_command(self, text: str, conversation: Conversation | None) -> bool:
        """Whether a text in this conversation is a command as well; at home commands need no slash."""
        if conversation is None:
            return False
        return like_command(
            text,
            self._commands,
            could_be=self._could_be,
            user=lambda name: name in self._users.known or not self._users.listed,
            partner=on_screen(conversation),
        )

    def no_answer(self, line: str, conversation: Conversation | None, *, secrets: bool) -> bool:
        """Whether a line where an answer is due is a command, or like one, which amid `secrets` is none."""
        if not line.startswith("/") or line.startswith("//"):
            return not secrets and self.like_command(line, conversation)
        return not secrets or not isinstance(read_command(line[1:], "/", self._commands), Hint)


def like_command(
    text: str,
    commands: Commands,
    *,
    could_be: Callable[[Sequence[str]], bool],
    user: Callable[[str], bool],
    partner: str = "",
) -> bool:
    """Whether a text is a command as well, whose slash was perhaps forgotten.

    `could_be` says whether the command line has a command for these words, `user` whether somebody is called
    so: most texts that begin as a command does go on otherwise. A file may go to the `partner` unnamed.
    """
    line = text.strip()
    if not line or "\n" in line or line[0] in "/@":
        return False
    line = in_small(line)
    if line in commands or line in OWN_COMMANDS or line in OWN_ALIASES:
        return True
    match read_command(line, "/", commands):
        case Hint():
            return False
        case SendText(to):
            return all(not isinstance(each, Direct) or user(each.name) for each in to)
        case RunCommand(("help", *words)):
            return all(word.lower() in commands or word.lower() in OWN_COMMANDS for word in words[:1])
        case RunCommand(words):
            return any(map(could_be, _readings(words, partner))) or _likely_meant(words, commands)
        case Edit(beginning):
            return not beginning
        case _:
            return True


def asks_secrets(text: str, commands: Commands) -> bool:
    """Whether a text that is like a command would ask for secrets, as one."""
    match read_command(in_small(text.strip()), "/", commands):
        case RunCommand(words):
            return commands[words[0]].asks
        case _:
            return False


def _readings(words: Sequence[str], partner: str) -> Iterator[Sequence[str]]:
    yield words
    yield tuple(word.lower() for word in words)
    if partner:
        yield (words[0], partner, *words[1:])


def _likely_meant(words: Sequence[str], commands: Commands) -> bool:
    """Whether one word behind a command is a usual slip, as in `block bob`; more words are a text."""
    instead = commands[words[0]].instead
    return len(words) == 2 and instead is not None and instead(words[1:]) is not None
