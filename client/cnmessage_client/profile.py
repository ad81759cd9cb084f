"""Profiles, device keys and where all that lies on disk.

A profile is one device of one user: a CURVE key pair that the broker knows it by, the broker's address and
the user's name. `CNMESSAGE_HOME` overrides the platform's directories. Knows no socket.
"""

import errno
import fcntl
import os
import re
import shlex
import socket
from codecs import BOM_UTF8
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from cnmessage_client.address import Address, parse_address
from cnmessage_client.home_files import read, read_toml, usable, write, write_toml
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError

DEFAULT_PROFILE = "default"
_PROFILE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_Z85_KEY_SIZE = 40


class KeyPair(NamedTuple):
    """A device's CURVE keys as z85 text."""

    public: bytes
    secret: bytes


class Home(Struct, frozen=True):
    """The directories: `config` for what people edit and keys, `state` for what comes and goes."""

    config: Path
    state: Path

    @classmethod
    def find(cls) -> "Home":
        """From CNMESSAGE_HOME, else where this platform keeps such things; UNREADABLE if nowhere."""
        own = os.environ.get("CNMESSAGE_HOME")
        if own:
            return cls(Path(own), Path(own) / "state")
        import platformdirs  # noqa: PLC0415 - 20 ms that CNMESSAGE_HOME spares

        dirs = platformdirs.PlatformDirs("cnmessage", appauthor=False)
        try:
            return cls(Path(dirs.user_config_dir), Path(dirs.user_state_dir))
        except RuntimeError as error:  # neither HOME nor an entry in passwd
            text = (
                "this user has no home directory for keys and settings; set CNMESSAGE_HOME to a directory of "
                "your own"
            )
            raise CnMessageError(ErrorCode.UNREADABLE, text) from error

    def profile(self, name: str) -> "Profile":
        """The profile of that name, whether or not it exists yet."""
        if not _PROFILE_NAME.match(name):
            raise _usage(f"'{name}' cannot be a profile; use letters, digits, '.', '_' and '-'")
        return Profile(self, name)

    def profiles(self) -> list[str]:
        """Names of the profiles that exist."""
        folder = self.config / "profiles"
        with usable(folder):
            names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
        return sorted(name for name in names if _PROFILE_NAME.match(name) and self.profile(name).there)

    @property
    def current_profile(self) -> str:
        """The profile that is used when none is named."""
        return read_toml(self.config / "config.toml").get("profile", DEFAULT_PROFILE)

    def use_profile(self, name: str) -> None:
        """Make a profile the one that is used when none is named."""
        write_toml(self.config / "config.toml", {"profile": name})

    def remove_profile(self, name: str) -> None:
        """Remove all of a profile from this machine; what is used when none is named may be another then."""
        current = self.current_profile
        self.profile(name).remove()
        if current == name:
            self.use_profile(DEFAULT_PROFILE)


class Profile(Struct, frozen=True):
    """One device of one user on disk."""

    home: Home
    name: str

    @property
    def folder(self) -> Path:
        """Where the profile's key and settings are."""
        return self.home.config / "profiles" / self.name

    @property
    def outbox(self) -> Path:
        """Where messages wait for their acknowledgement."""
        return self.home.state / "profiles" / self.name / "outbox"

    @property
    def uploads(self) -> Path:
        """Where unfinished uploads are written down."""
        return self.home.state / "profiles" / self.name / "uploads"

    @property
    def chat_settings(self) -> Path:
        """What a person has chosen in the chat."""
        return self.folder / "chat.toml"

    @property
    def label(self) -> str:
        """What the list of devices shows for this device."""
        return f"{self.name}@{socket.gethostname()}"[:64]

    @property
    def exists(self) -> bool:
        """Whether anybody was ever logged in with it."""
        return read(self._settings) is not None

    @property
    def there(self) -> bool:
        """The same, also of one whose settings cannot be read."""
        try:
            self._settings.lstat()
        except OSError as error:
            return error.errno not in {errno.ENOENT, errno.ENOTDIR}
        return True

    @property
    def user(self) -> str | None:
        """Who is logged in here, as far as this side knows."""
        return read_toml(self._settings).get("user")

    @property
    def broker(self) -> str | None:
        """The broker's address that was used to log in; a usage error for what is none."""
        broker = read_toml(self._settings).get("broker")
        try:
            if broker is not None:
                parse_address(broker)
        except CnMessageError as error:
            raise CnMessageError(error.code, f"{error.message} (in {self._settings})") from error
        return broker

    def remember(self, *, broker: str | None, user: str | None) -> None:
        """Keep who logged in where; None forgets."""
        values = {"broker": broker, "user": user}
        write_toml(self._settings, {key: text for key, text in values.items() if text is not None})

    def logged_out(self, address: Address) -> None:
        """The broker at `address` knows this device no more; what is kept of another one stays."""
        if self.user is not None and self.broker and parse_address(self.broker).place == address.place:
            self.remember(broker=self.broker, user=None)

    def explained(self, error: CnMessageError, address: Address) -> CnMessageError:
        """What the broker cannot know, added: what to type, and which profile it is that is not logged in.

        That profile has no user any more. An error of this machine, a path that is not there perhaps, says
        all of that itself.
        """
        advice = _ADVICE.get(error.code) if isinstance(error, RequestError) else None
        option = "" if self.name == self.home.current_profile else f"--profile {self.name} "
        if advice is not None:
            advice = advice.replace("'cnmessage ", f"'cnmessage {option}")
            return RequestError(error.code, f"{error.message}; {advice}")
        if error.code is not ErrorCode.UNAUTHENTICATED:
            return error
        with suppress(CnMessageError):  # a disk that takes no note of it is another trouble than this one
            self.logged_out(address)
        text = f"profile '{self.name}' is not logged in at {address.place}"
        new = f"if you are new: cnmessage {option}signup NAME"
        return RequestError(error.code, f"{text}; use: cnmessage {option}login NAME, or, {new}")

    def keys(self, generate: Callable[[], tuple[bytes, bytes]]) -> KeyPair:
        """The device's keys; INTEGRITY if they are damaged, or if others may read them.

        Where there are none yet, those that `generate` makes: they are kept by `keep_keys` alone.
        """
        content = read(self._key_file)
        if content is None:
            return KeyPair(*generate())
        if self._key_file.stat().st_mode & 0o077:
            raise CnMessageError(
                ErrorCode.INTEGRITY,
                f"other users of this machine can read or change {self._key_file}, which logs in as you; "
                f"mend it with: chmod 600 {shlex.quote(str(self._key_file))}",
            )
        lines = content.removeprefix(BOM_UTF8).split()
        if len(lines) != 2 or any(len(line) != _Z85_KEY_SIZE for line in lines):
            raise self.damaged_key()
        return KeyPair(lines[0], lines[1])

    @property
    def has_keys(self) -> bool:
        """Whether there are keys, usable or not."""
        return read(self._key_file) is not None

    def hold(self) -> int | None:
        """Keep others from removing the profile while a program uses it: a descriptor, to be closed then.

        None where there are no keys yet, or a disk that knows no locks. CONFLICT while it is being removed.
        """
        return self._locked(fcntl.LOCK_SH, f"profile '{self.name}' is being removed at this moment")

    def _locked(self, kind: int, conflict: str) -> int | None:
        try:
            descriptor = os.open(self._key_file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # none yet, or one that whoever reads it has words for
            return None
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise CnMessageError(ErrorCode.CONFLICT, conflict) from error
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def keep_keys(self, keys: KeyPair) -> None:
        """Write the device's keys down, before a broker is told of them; CONFLICT where there are others."""
        write(self._key_file, keys.public + b"\n" + keys.secret + b"\n", replace=False)
        if self.keys(lambda: keys) != keys:
            text = f"another program has just made the profile '{self.name}'; do the same again"
            raise RequestError(ErrorCode.CONFLICT, text)

    def damaged_key(self) -> CnMessageError:
        """The error for keys that cannot be used, or are gone."""
        how = "damaged; restore it, or remove it and" if self.has_keys else "gone; restore it, or"
        return CnMessageError(ErrorCode.INTEGRITY, f"the device key {self._key_file} is {how} log in again")

    def discard(self) -> None:
        """Leave nothing of a profile with which nobody could log in."""
        if not self.exists:
            with suppress(OSError):
                self._key_file.unlink()
                self.folder.rmdir()

    def remove(self) -> None:
        """Remove all of it from this machine: key and settings, the outbox, unfinished uploads.

        CONFLICT, and all of it stays, while a program uses it.
        """
        busy = f"a program uses profile '{self.name}' now; end it, then do the same again"
        held = self._locked(fcntl.LOCK_EX, busy)
        try:
            for each in (self.folder, self.outbox.parent):
                with usable(each), suppress(FileNotFoundError):
                    import shutil  # noqa: PLC0415 - for a profile that is removed alone

                    shutil.rmtree(each)
        finally:
            if held is not None:
                os.close(held)

    @property
    def _settings(self) -> Path:
        return self.folder / "profile.toml"

    @property
    def _key_file(self) -> Path:
        return self.folder / "device.key"


_ADVICE = MappingProxyType(
    {
        ErrorCode.NO_SUCH_USER: "'cnmessage users' lists those there are",
        ErrorCode.NO_SUCH_DEVICE: "'cnmessage devices' lists yours",
        ErrorCode.NO_SUCH_FILE: "'cnmessage files list' lists yours",
        ErrorCode.QUOTA: "withdraw older files with 'cnmessage files rm NAME-or-ID'",
    }
)
"""What a person may do next about a refusal; the broker knows nothing of this command line."""


def _usage(text: str) -> CnMessageError:
    return CnMessageError(ErrorCode.USAGE, text)
