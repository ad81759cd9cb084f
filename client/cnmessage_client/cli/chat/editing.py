"""A text in the person's own editor, by way of a file that nobody else can read and that is gone afterwards.

Blocks until the editor ends; the screens see to it that the terminal is the editor's meanwhile.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path


def edit_text(text: str, environment: Mapping[str, str]) -> str | None:
    """What was saved, without the last line feed; None if there is no editor or it ended with an error."""
    editor = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(prefix="cnmessage-", suffix=".txt")  # mode 0600
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([*shlex.split(editor), name], check=False)  # noqa: S603 - the person's own
        if done.returncode != 0:
            return None
        return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except (OSError, ValueError):
        return None
    finally:
        path.unlink(missing_ok=True)
