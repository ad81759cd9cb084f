"""Words that both screens use about a message. Pure; what they make is not cleaned yet."""

from cnmessage_client.chat.talk.entries import Said
from cnmessage_client.model import UNKNOWN, MessageFile
from cnmessage_client.shell.out.render import SHORT_ID, in_units
from cnmessage_protocol.conversation import Conversation


def shows_recipients(said: Said, conversation: Conversation | None) -> bool:
    """Whether a line in this view (None: home) has to say to whom it went."""
    own_elsewhere = said.mark is not None and said.to != (conversation,)
    return said.kind == "broadcast" or len(said.to) > 1 or own_elsewhere


def content(said: Said) -> str:
    """The text of a message, below the file that it offers."""
    if said.unknown:
        return UNKNOWN
    if said.file is None:
        return said.body
    file = offer(said.file, received=said.mark is None)
    return f"{file}\n{said.body}" if said.body else file


def offer(file: MessageFile, *, received: bool) -> str:
    """A file, and how to fetch it for who can."""
    text = f"[file] {file.name}, {in_units(file.size)}".replace("\n", " ")
    return f"{text} · /files get {file.id[:SHORT_ID]}" if received else text
