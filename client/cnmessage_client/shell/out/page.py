"""Messages as one HTML page, which needs nothing beside it, loads nothing and runs nothing.

Knows no file and no client.
"""

from html import escape

from cnmessage_client.model import UNKNOWN, Message, MessageFile, Unknown, json_time
from cnmessage_client.shell.out.document import Copy, Days, about, clock
from cnmessage_client.shell.out.render import arrow_of
from cnmessage_client.shell.out.safe_text import safe_text

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{
  color-scheme: light dark;
  --page: #fff; --text: #1b1b1f; --dim: #5f6470; --theirs: #f0f1f4; --own: #d9ebff;
}}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #16171b; --text: #e7e8ec; --dim: #9ba1ae; --theirs: #25272e; --own: #1d3a5c; }}
}}
body {{
  background: var(--page); color: var(--text); font: 1rem/1.45 system-ui, sans-serif;
  max-width: 48rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere;
}}
h1 {{ font-size: 1.3rem; }}
h2 {{ font-size: 1rem; color: var(--dim); text-align: center; margin: 2rem 0 .5rem; }}
article {{
  background: var(--theirs); border-radius: .6rem; margin: .4rem 15% .4rem 0; padding: .4rem .7rem;
}}
article.own {{ background: var(--own); margin: .4rem 0 .4rem 15%; }}
article p {{ margin: 0; }}
.who, .unknown {{ color: var(--dim); font-size: .85rem; }}
.text {{ white-space: pre-wrap; }}
a {{ color: inherit; }}
</style>
</head>
<body>
<h1>{title}</h1>
"""


class Page:
    """One document."""

    def __init__(self) -> None:
        self._days = Days()

    def beginning(self, title: str) -> str:
        """Its head, and the heading."""
        return _HEAD.format(title=_shown(title))

    def entry(self, entry: Message | Unknown, copy: Copy | None) -> str:
        """An article, with the heading of a new day before it."""
        day = self._days.new(entry)
        heading = "" if day is None else f"<h2>{day}</h2>\n"
        own = "" if entry.received else ' class="own"'
        return f"{heading}<article{own}>\n{_said(entry, copy)}</article>\n"

    def end(self) -> str:
        """What closes the page."""
        return "</body>\n</html>\n"


def _shown(text: str, *, lines: bool = False) -> str:
    return escape(safe_text(text, lines=lines))


def _said(entry: Message | Unknown, copy: Copy | None) -> str:
    time = f'<time datetime="{json_time(entry.time)}">{clock(entry)}</time>'
    if isinstance(entry, Unknown):
        return f'<p class="unknown">{time} {UNKNOWN}</p>\n'
    who = f'<p class="who">{time} <b>{_shown(entry.sender)}</b>{_shown(arrow_of(entry))}</p>\n'
    offer = "" if entry.file is None else _offer(entry.file, copy)
    body = f'<p class="text" dir="auto">{_shown(entry.body, lines=True)}</p>\n' if entry.body else ""
    return f"{who}{offer}{body}"


def _offer(file: MessageFile, copy: Copy | None) -> str:
    name = _shown(file.name)
    if copy is not None and copy.path is not None:
        name = f'<a href="{escape(copy.link)}">{name}</a>'
    return f'<p class="file">[file] {name}{_shown(about(file, copy))}</p>\n'
