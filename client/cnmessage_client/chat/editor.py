"""A text in the person's own editor, by way of a file that nobody else can read and that is gone afterwards.

Blocks until the editor ends; the screens see to it that the terminal is the editor's meanwhile.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cnmessage_protocol.errors import CnMessageError, ErrorCode


def edit_text(text: str, environment: Mapping[str, str]) -> str:
    """What was saved, without line feeds at its end; a USAGE error if there is no editor or it has failed.

    What is not UTF-8 stays where it was saved, and the error says where.
    """
    editor = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(prefix="cnmessage-", suffix=".txt")  # mode 0600
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([*shlex.split(editor), name], check=False)  # noqa: S603 - the person's own
        if done.returncode != 0:
            raise _failed(editor, f"it ended with status {done.returncode}")
        saved = path.read_bytes()
        try:
            return saved.decode("utf-8-sig").rstrip("\n")
        except UnicodeDecodeError as error:
            kept = path.rename(path.with_name(f"{path.stem}-kept.txt"))
            raise _failed(editor, f"what it saved is not UTF-8 text, and is kept in {kept}") from error
    except (OSError, ValueError) as error:
        raise _failed(editor, getattr(error, "strerror", None) or str(error)) from error
    finally:
        path.unlink(missing_ok=True)


def _failed(editor: str, reason: str) -> CnMessageError:
    text = f"nothing was taken over from the editor '{editor}': {reason}; EDITOR names another"
    return CnMessageError(ErrorCode.USAGE, text)
