"""What stands in the talk, as lines for pipes, files and screen readers: nothing moves.

Pure. Messages are data, for standard output; news of own ones and all else are for standard error. For a
program each is one line, its breaks escaped; a `person` gets a text as it is, each row after its first
under the first, so that none can be taken for another message. Each form also exists as a JSON object.
"""

import json
from typing import Any

from cnmessage_client.chat.talk.entries import Mark, Said
from cnmessage_client.chat.wording import content, offer, shows_recipients
from cnmessage_client.model import Unknown, json_time, pushed_json
from cnmessage_client.shell.out.safe_text import one_field, safe_text
from cnmessage_protocol.conversation import on_screen, to_wire

_SHOWN = 60
"""Characters of an own message that are repeated with its mark."""

_MARGIN = " " * len("12:34:56 ")


def message_line(said: Said, *, dated: bool = False, person: bool = False) -> str:
    """A message; `dated` when it is not of just now."""
    time = f"{said.time.astimezone():{'%Y-%m-%d ' if dated else ''}%H:%M:%S}"
    if said.unknown:
        return f"{time} {content(said)}"
    return f"{time} {one_field(said.sender)}{_arrow(said)}: {_text(said, person=person)}"


def mark_line(said: Said, *, person: bool = False) -> str:
    """How far an own message has come: enough of it to know which one is meant."""
    text = content(said)
    short = text.partition("\n")[0][:_SHOWN] if person else text[:_SHOWN]
    write = safe_text if person else one_field
    line = f"[{_status(said)}]{_arrow(said)}: {write(short if short == text else f'{short}…')}"
    return f"{line} · {write(said.reason)} · /retry" if said.mark is Mark.FAILED else line


def message_json(said: Said) -> str:
    """A message as everywhere with --json."""
    if said.unknown:
        return json.dumps(Unknown(said.key, said.seq or 0, said.kind, said.time, received=True).as_json())
    file = {} if said.file is None else {"file": said.file.as_json()}
    return json.dumps(
        {
            "id": said.id or said.key,
            "seq": said.seq,
            "kind": said.kind,
            "from": said.sender,
            "to": list(map(to_wire, said.to)),
            "time": json_time(said.time),
            "body": said.body,
            **file,
        }
    )


def mark_json(said: Said) -> str:
    """An acknowledgement. The broker's id is there once it has it; who got a broadcast is not kept."""
    values: dict[str, Any] = {
        "id": said.id or None,
        "client_id": said.key,
        "status": _status(said),
        "recipients": None if said.kind == "broadcast" else len(said.to),
    }
    return json.dumps(values if said.mark is not Mark.FAILED else {**values, "reason": said.reason})


def other_line(text: str) -> str:
    """A note, or whatever else is said once; it may have several lines."""
    return safe_text(text, lines=True)


def other_json(text: str) -> str:
    """The same as an object."""
    return json.dumps({"note": text})


def delivery_json(kind: str) -> str:
    """A delivery of a kind to come, as an object."""
    return json.dumps(pushed_json(kind))


def _text(said: Said, *, person: bool) -> str:
    if person:
        return safe_text(content(said), lines=True).replace("\n", f"\n{_MARGIN}")
    note = [said.body] if said.body or said.file is None else []
    return " · ".join(one_field(part) for part in ([] if said.file is None else [offer(said)]) + note)


def _arrow(said: Said) -> str:
    return (
        f" → {', '.join(one_field(on_screen(each)) for each in said.to)}"
        if shows_recipients(said, None)
        else ""
    )


def _status(said: Said) -> str:
    return "" if said.mark is None else said.mark.name.lower()
