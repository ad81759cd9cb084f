"""Words that both screens use about a message. Pure; what they make is not cleaned yet."""

from cnmessage_client.chat.talk.entries import Said
from cnmessage_client.model import UNKNOWN
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
    file = offer(said)
    return f"{file}\n{said.body}" if said.body else file


def offer(said: Said) -> str:
    """The file of a message, and how to fetch it for who can, or why nobody can; nothing without a file."""
    if said.file is None:
        return ""
    text = f"[file] {said.file.name}, {in_units(said.file.size)}".replace("\n", " ")
    if said.gone:
        return f"{text} · {said.gone}"
    return f"{text} · /files get {said.file.id[:SHORT_ID]}" if said.mark is None else text
