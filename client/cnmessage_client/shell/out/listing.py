"""What `files list` shows of a file: a row for a person, a line or an object for a program.

Prints nothing, and knows neither broker nor host.
"""

from collections import Counter
from typing import Any

from cnmessage_client.model import FileInfo, RecipientState, json_time
from cnmessage_client.shell.out.render import SHORT_ID, Renderer, in_units
from cnmessage_client.shell.out.safe_text import safe_text

HEADS = ("ID", "NAME", "SIZE", "FROM/TO", "WHEN", "STATE")

CUT = "…"
"""Stands for what is left out of a name."""

_NAMED = 4
"""Recipients that are named with their state; of more, only their states are counted."""

_LONG = 48
"""Characters of what is said of recipients by name: where it would be more, they are counted, too."""

_SHARE = 0.3
"""Of a row's cells, the name's."""

_SHORTEST = 20
_END = 10
"""Cells of a cut name's end, which has its extension."""


def file_row(renderer: Renderer, info: FileInfo, *, sent: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The object for --json, and the fields of a person's row or of a line."""
    direction = "sent" if sent else "received"
    if renderer.for_person:
        return {}, (
            info.id[:SHORT_ID],
            cut_in_the_middle(safe_text(info.name), max(_SHORTEST, int(renderer.width * _SHARE))),
            in_units(info.size),
            f"to {_people(info)}" if sent else f"from {info.sender}",
            renderer.when(info.time),
            state_of(info, sent=sent),
        )
    return {**info.as_json(), "direction": direction}, (
        info.id,
        direction,
        info.name,
        str(info.size),
        info.sha256 or "",
        info.sender,
        json_time(info.time),
        "" if info.expires is None else json_time(info.expires),
        info.state,
        ",".join(f"{each.name}:{each.state}:{each.bytes}" for each in info.recipients),
        info.note,
    )


def state_of(info: FileInfo, *, sent: bool) -> str:
    """How far it is, in words: `bob done, carol fetching 43 %`; a receiver sees only itself, so no name."""
    if info.state == "uploading":
        return "uploading"
    ended = "" if info.state == "stored" else info.state
    if not sent:
        own = [_state(each, info.size) for each in info.recipients]
        return "done" if own == ["done"] else ended or ", ".join(own)
    each_one = ", ".join(f"{each.name} {_state(each, info.size)}" for each in info.recipients)
    if len(info.recipients) > _NAMED or len(each_one) > _LONG:
        counts = Counter(each.state for each in info.recipients)
        each_one = ", ".join(f"{number} {state}" for state, number in counts.items())
    return "; ".join(part for part in (ended, each_one) if part)


def can_be_fetched(info: FileInfo) -> bool:
    """Whether a received file is still to be had, and neither here yet nor unwanted."""
    return info.state == "stored" and all(each.state not in {"done", "failed"} for each in info.recipients)


def _state(recipient: RecipientState, size: int) -> str:
    if recipient.state != "fetching":
        return recipient.state
    return f"fetching {recipient.bytes * 100 // size if size else 100} %"


def cut_in_the_middle(text: str, most: int) -> str:
    """Text of at most so many cells of a terminal; of a longer one its beginning and its end."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - only where a person looks

    if cell_len(text) <= most:
        return text
    end = ""
    for character in reversed(text):
        if cell_len(character + end) > _END:
            break
        end = character + end
    while end and not cell_len(end[0]):
        end = end[1:]  # a mark without its letter
    return f"{set_cell_size(text, most - cell_len(end) - 1).rstrip()}{CUT}{end}"


def _people(info: FileInfo) -> str:
    names = ", ".join(each.name for each in info.recipients)
    many = len(info.recipients) > _NAMED or len(names) > _LONG // 2
    return f"{len(info.recipients)} users" if many and len(info.recipients) > 1 else names
