"""Options that every command takes, before or after its name, and what they make: the settings of one run."""

import functools
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from cnmessage_client.client import DEFAULT_TIMEOUT, Client
from cnmessage_client.home_files import need_descriptors
from cnmessage_client.link.trust import Trust, trust_loopback
from cnmessage_client.profile import Home
from cnmessage_client.shell.command import Command, Facts
from cnmessage_client.shell.host import Host
from cnmessage_client.shell.oneshot import OneShot, ProcessSurface
from cnmessage_client.shell.out.debug import DebugLog
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.streams import check_output
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.trace import Trace

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the common options say, None where nothing was said; and the host that carries it out.

    A chat makes one with its own host, profile, broker and timeout, and hands it to every command as `obj`.
    """

    profile: str | None = None
    broker: str | None = None
    as_json: bool = False
    no_input: bool = False
    quiet: bool = False
    timeout: float = DEFAULT_TIMEOUT
    debug: bool = False
    debug_to: Callable[[str], object] = field(default=ProcessSurface().err, compare=False, repr=False)
    """Takes the lines of --debug, from any thread."""
    host: Host = field(default_factory=OneShot, compare=False, repr=False)
    prefix: str | None = None
    """What stands before a command when it is typed here, as in hints: "" or "/"; None for a shell."""
    facts: Facts | None = field(default=None, compare=False, repr=False)
    """Those of the command that runs with these settings; None before one does."""

    @property
    def renderer(self) -> Renderer:
        """How this run prints."""
        return Renderer(
            self.host.surface,
            as_json=self.as_json,
            quiet=self.quiet,
            typed=self.typed,
            program="cnmessage: " if self.prefix is None else "",
        )

    @property
    def trace(self) -> Trace | None:
        """Is told each transition of the machines; None when nobody wants to know."""
        return DebugLog(self.debug_to, as_json=self.as_json) if self.debug else None

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return not self.no_input and self.host.can_ask

    @property
    def reads_pipe(self) -> bool:
        """Whether something else than a person may stand at standard input, and a command could read it."""
        return self.prefix is None and not self.host.can_ask

    def client(self, trust: Trust | None = None) -> Client:
        """A client as the options say. `trust` decides about a new broker's key; else `trusts` does.

        A client asks it on its event loop. One that must go on meanwhile, as a chat's, needs its own.
        """
        client = Client(
            profile=self.profile,
            broker=self.broker,
            timeout=self.timeout,
            trust=trust or self.trusts,
            home=Home.find(),
            trace=self.trace,
        )
        client.on_refused = self._earlier_refused
        client.on_trouble = self._troubled
        return client

    def _earlier_refused(self, error: CnMessageError) -> None:
        self.renderer.note(f"a message that an earlier command left behind was refused: {error.message}")

    def _troubled(self, error: CnMessageError) -> None:
        self.renderer.note(error.message)

    def run(self, job: Callable[[Client], Awaitable[Result]]) -> Result:
        """Have the host do the job of the command with a client."""
        if self.facts is None:
            raise TypeError("only a command has a job done")
        return self.host.run(self, self.facts, job)

    def ask(
        self,
        question: str,
        *,
        hidden: bool = False,
        twice: bool = False,
        check: Callable[[str], object] = bool,
    ) -> str:
        """The answer of a person, asked until it is not empty; only where `interactive`.

        `check` raises a CnMessageError for an answer that will not do. With `twice` it is asked for again, so
        that a slip of the finger in a hidden answer is noticed. Raises click.Abort when there is no answer.
        """
        while True:
            answer = self._answer(question, hidden=hidden)
            try:
                check(answer)
            except CnMessageError as error:
                self.renderer.objection(error.message)
                continue
            if not twice or answer == self._answer("Repeat for confirmation: ", hidden=hidden):
                return answer
            self.renderer.objection("The two entered values do not match.")

    def _answer(self, question: str, *, hidden: bool) -> str:
        while not (answer := self.host.ask(question, hidden=hidden)):
            pass
        return answer

    def confirm(self, question: str) -> bool:
        """Whether a person says yes; nothing said means no."""
        while True:
            answer = self.host.ask(f"{question} [y/N]: ").strip().lower()
            if answer in {"y", "yes"}:
                return True
            if answer in {"", "n", "no"}:
                return False
            self.renderer.objection("answer y for yes or n for no")

    def command(self, profile: str | None = None) -> str:
        """How to call this program, for hints: where it is, and with which profile."""
        import shutil  # noqa: PLC0415 - for hints alone

        program = Path(sys.argv[0])
        if program.name == "__main__.py":  # python -m cnmessage_client
            program = Path(sys.executable).with_name("cnmessage")
        on_path = shutil.which("cnmessage")
        here = on_path is None and program.name == "cnmessage" and program.exists()
        typed = "cnmessage" if not here else _near(program)
        default = Home.find().current_profile
        name = profile or self.profile or default
        return typed if name == default else f"{typed} --profile {name}"

    def typed(self, words: str) -> str:
        """How to type this command here, for hints."""
        return f"{self.command()} {words}" if self.prefix is None else f"{self.prefix}{words}"

    def trusts(self, place: str, fingerprint: str) -> bool:
        """Whether to accept the key of a broker that is new here: one on this machine, else ask."""
        renderer = self.renderer
        if trust_loopback(place, fingerprint):
            renderer.note(f"accepted the key of the broker {place}: {fingerprint}")
            return True
        if not self.interactive:
            return False
        renderer.note(f"The broker {place} is new here. Its key has the fingerprint\n  {fingerprint}")
        return self.confirm("Is that what its operator told you?")


def _near(program: Path) -> str:
    """A path from here, if it is below; also where this directory was removed meanwhile."""
    try:
        near = os.path.relpath(program)
    except FileNotFoundError:
        return str(program)
    return str(program) if near.startswith("..") else near


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
        "--debug", envvar="CNMESSAGE_DEBUG", is_flag=True, default=None,
        help="Tell each step of the connection on standard error.",
    ),
    click.option(
        "--timeout",
        type=Seconds(0.1, 86400),
        metavar="SECONDS",
        help=f"Wait no longer for an answer.  [default: {DEFAULT_TIMEOUT:g}]",
    ),
)  # fmt: skip
_DESCRIPTORS = 64
"""What must be free for any command, several files at once among them: looked at first, so that none is cut
short amid its work, or by a library that ends the whole process.
"""

_NAMES = ("profile", "broker", "as_json", "no_input", "quiet", "timeout", "debug")


def _show_help(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        settings_of(context).renderer.text(context.get_help())
        context.exit()


help_option = click.option(
    "-h", "--help", is_flag=True, expose_value=False, is_eager=True, callback=_show_help,
    help="Show this message and exit.",
)  # fmt: skip
"""In place of click's own, which prints past the host."""


def common(function: Function) -> Function:
    """Add the common options to a command or group; it gets the merged Settings as first argument."""

    @click.pass_context
    @functools.wraps(function)
    def wrapper(context: click.Context, *args: Any, **values: Any) -> Any:
        here = {name: values.pop(name) for name in _NAMES}
        facts = context.command.facts if isinstance(context.command, Command) else None
        settings = replace(merged(context, here), facts=facts)
        if settings.prefix is None and facts is not None:
            need_descriptors(_DESCRIPTORS)
            if facts.prints:
                check_output()
        context.obj = settings
        return function(settings, *args, **values)

    result: Any = help_option(wrapper)
    for option in reversed(_OPTIONS):
        result = option(result)
    return result  # type: ignore[no-any-return]


def settings_of(context: click.Context) -> Settings:
    """The settings of the enclosing group; of the outermost, those it was given as `obj`, as a chat does."""
    return context.obj if isinstance(context.obj, Settings) else Settings()


def merged(context: click.Context, here: dict[str, Any]) -> Settings:
    """Settings of the enclosing group, with the options given here on top.

    A value from the environment does not override a flag before the command, nor what a chat says. A flag can
    disagree with a chat: its host sees that in `run`, and refuses to act for another profile or broker.
    """
    outer = settings_of(context)
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
