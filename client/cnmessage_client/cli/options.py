"""Options that every command takes, before or after its name, and what they make: the settings of one run."""

import functools
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from cnmessage_client.cli.render import Renderer
from cnmessage_client.client import DEFAULT_TIMEOUT, Client
from cnmessage_client.loop import new_event_loop
from cnmessage_client.profile import Home
from cnmessage_client.trust import trust_loopback
from cnmessage_protocol.errors import CnMessageError, ErrorCode

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")


_PATIENCE = 1.5
"""Seconds without an answer after which a person is told that we wait."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the common options say; None where nothing was said."""

    profile: str | None = None
    broker: str | None = None
    as_json: bool = False
    no_input: bool = False
    quiet: bool = False
    timeout: float = DEFAULT_TIMEOUT

    @property
    def renderer(self) -> Renderer:
        """How this run prints."""
        return Renderer(as_json=self.as_json, quiet=self.quiet, command=self.command)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return not self.no_input and sys.stdin.isatty()

    def client(self) -> Client:
        """A client as the options say."""
        client = Client(
            profile=self.profile,
            broker=self.broker,
            timeout=self.timeout,
            trust=self._ask_trust,
            home=Home.find(),
        )
        client.on_refused = self._earlier_refused
        return client

    def _earlier_refused(self, error: CnMessageError) -> None:
        self.renderer.note(f"a message that an earlier command left behind was refused: {error.message}")

    def run(
        self,
        job: Callable[[Client], Awaitable[Result]],
        *,
        long_lived: bool = False,
        entering: bool = False,
    ) -> Result:
        """Connect, do the job, leave. Only who is `entering` gets a new profile made."""
        import asyncio  # noqa: PLC0415 - help and completion do without it

        async def main() -> Result:
            client = self.client()
            if not entering and not client.profile.folder.is_dir():
                name = client.profile.name
                text = f"there is no profile '{name}' yet; use: {self.command(name)} signup NAME (or login)"
                raise CnMessageError(ErrorCode.UNAUTHENTICATED, text)
            patience = asyncio.get_running_loop().call_later(_PATIENCE, self._still_waiting, client)
            try:
                async with client:
                    return await job(client)
            finally:
                patience.cancel()

        with asyncio.Runner(loop_factory=new_event_loop if long_lived else None) as runner:
            return runner.run(main())

    def command(self, profile: str | None = None) -> str:
        """How to type this program, for hints: where it is, and with which profile."""
        program = Path(sys.argv[0])
        on_path = shutil.which("cnmessage")
        here = on_path is None and program.name == "cnmessage" and program.exists()
        near = os.path.relpath(program)
        typed = "cnmessage" if not here else str(program) if near.startswith("..") else near
        default = Home.find().current_profile
        name = profile or self.profile or default
        return typed if name == default else f"{typed} --profile {name}"

    def _still_waiting(self, client: Client) -> None:
        if self.interactive and not client.reached:
            self.renderer.note(f"waiting for the broker at {client.address.place} ...")

    def _ask_trust(self, place: str, fingerprint: str) -> bool:
        renderer = self.renderer
        if trust_loopback(place, fingerprint):
            renderer.note(f"accepted the key of the broker {place}: {fingerprint}")
            return True
        if not self.interactive:
            return False
        renderer.note(f"The broker {place} is new here. Its key has the fingerprint\n  {fingerprint}")
        return click.confirm("Is that what its operator told you?", default=False, err=True)


class Seconds(click.FloatRange):
    """A range that nan is not in."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """As FloatRange, but nan, which compares with nothing, fails."""
        number = super().convert(value, parameter, context)
        return number if number == number else self.fail(f"{value} is no time", parameter, context)  # noqa: PLR0124


_OPTIONS = (
    click.option("--profile", envvar="CNMESSAGE_PROFILE", metavar="NAME", help="Use this profile."),
    click.option("--broker", envvar="CNMESSAGE_BROKER", metavar="ADDRESS", help="HOST[:PORT] or cnm://HOST:PORT#KEY."),
    click.option("--json", "as_json", is_flag=True, default=None, help="Print JSON Lines."),
    click.option("--no-input", is_flag=True, default=None, help="Never ask; fail instead."),
    click.option("--quiet", "-q", is_flag=True, default=None, help="Print data and errors only."),
    click.option(
        "--timeout",
        type=Seconds(0.1, 86400),
        metavar="SECONDS",
        help=f"Wait no longer for an answer.  [default: {DEFAULT_TIMEOUT:g}]",
    ),
)  # fmt: skip
_NAMES = ("profile", "broker", "as_json", "no_input", "quiet", "timeout")


def common(function: Function) -> Function:
    """Add the common options to a command or group; it gets the merged Settings as first argument."""

    @click.pass_context
    @functools.wraps(function)
    def wrapper(context: click.Context, *args: Any, **values: Any) -> Any:
        here = {name: values.pop(name) for name in _NAMES}
        settings = merged(context, here)
        context.obj = settings
        return function(settings, *args, **values)

    result: Any = wrapper
    for option in reversed(_OPTIONS):
        result = option(result)
    return result  # type: ignore[no-any-return]


def merged(context: click.Context, here: dict[str, Any]) -> Settings:
    """Settings of the enclosing group with what was said here on top.

    A value from the environment does not override what a flag before the command said.
    """
    outer = context.parent.obj if context.parent is not None and context.parent.obj else Settings()
    source = context.get_parameter_source
    said = {
        name: value
        for name, value in here.items()
        if value is not None
        and (getattr(outer, name) in {None, False} or source(name) is click.core.ParameterSource.COMMANDLINE)
    }
    if "timeout" in here and here["timeout"] is not None:
        said["timeout"] = here["timeout"]
    return replace(outer, **said)


def usage(text: str) -> CnMessageError:
    """A usage error: exit status 2."""
    return CnMessageError(ErrorCode.USAGE, text)
