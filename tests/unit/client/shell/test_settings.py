"""How the settings of a run are made from what stands before and after a command, and in the environment."""

import click
import pytest
from click.testing import CliRunner

from cnmessage_client.shell.settings import Settings, common

_FROM_ENVIRONMENT = {"CNMESSAGE_PROFILE": "variable", "CNMESSAGE_BROKER": "variable:1"}


def _settings(*arguments: str, **environment: str) -> Settings:
    """What a command two groups down gets."""
    got: list[Settings] = []

    @click.group()
    @common
    def outer(settings: Settings) -> None:
        del settings

    @outer.group()
    @common
    def inner(settings: Settings) -> None:
        del settings

    @inner.command()
    @common
    def act(settings: Settings) -> None:
        got.append(settings)

    result = CliRunner().invoke(outer, list(arguments), env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return got[0]


def test_nothing_said_means_the_defaults() -> None:
    assert _settings("inner", "act") == Settings()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_option_counts_wherever_it_stands(place: int) -> None:
    options = ["--profile", "p", "--broker", "b:1", "--json", "--no-input", "--quiet", "--timeout", "3"]
    words: list[str] = ["inner", "act"]
    words[place:place] = options
    assert _settings(*words) == Settings("p", "b:1", True, True, True, 3.0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_flag_wins_over_the_environment_wherever_it_stands(place: int) -> None:
    words = ["inner", "act"]
    words[place:place] = ["--profile", "flag", "--broker", "flag:1"]
    settings = _settings(*words, **_FROM_ENVIRONMENT)
    assert (settings.profile, settings.broker) == ("flag", "flag:1")
    settings = _settings("inner", "act", **_FROM_ENVIRONMENT)
    assert (settings.profile, settings.broker) == ("variable", "variable:1")


def test_the_later_flag_wins_and_the_earlier_others_stay() -> None:
    words = (
        "--profile",
        "one",
        "--json",
        "--timeout",
        "1",
        "inner",
        "--profile",
        "two",
        "act",
        "--timeout",
        "2",
    )
    assert _settings(*words) == Settings("two", None, True, False, False, 2.0)


def test_an_empty_variable_says_nothing() -> None:
    assert _settings("inner", "act", CNMESSAGE_PROFILE="", CNMESSAGE_BROKER="") == Settings()
