"""Lines as people try them: each is answered in one line, which holds the exact line to type."""

import re
import shlex
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli, Result
from tests.support.patience import PATIENCE

FORMS = (
    ("send bob -5", "send bob -- -5"),
    ("send bob carol -5", "send bob carol -- -5"),
    ("send bob hi -5", "send bob -- 'hi -5'"),
    ("send bob hi --bogus", "send bob -- 'hi --bogus'"),
    ("send bob hi there -x", "send bob -- 'hi there -x'"),
    ("send bob 'hi there' -5", "send bob -- 'hi there -5'"),
    ("broadcast hi --bogus", "broadcast -- 'hi --bogus'"),
    ("send bob -- hi --wait stored", "send --wait stored bob -- hi"),
    ("send bob -- -5 degrees --json", "send --json bob -- '-5 degrees'"),
    ("send -- bob -5 --quiet", "send --quiet -- bob -5"),
    ("broadcast -- -5 --json", "broadcast --json -- -5"),
    ("send bob -5 degrees", "send bob -- '-5 degrees'"),
    ("send bob --wait stored -5", "send --wait stored bob -- -5"),
    ("send bob -5 --wait stored", "send --wait stored bob -- -5"),
    ("broadcast -5", "broadcast -- -5"),
    ("send --to bob hi", "send bob hi"),
    ("send bob -m hi", "send bob hi"),
    ("send @bob hi", "send bob hi"),
    ("send bob,carol hi", "send bob carol hi"),
    ("send bob: hi", "send bob hi"),
    ("send bob", "send bob -"),
    ("history bob", "history --with bob"),
    ("history -5", "history 5"),
    ("history -n 5", "history 5"),
    ("history --last 5", "history 5"),
    ("history 5 bob", "history 5 --with bob"),
    ("history bob 5", "history 5 --with bob"),
    ("history 2h", "history --since 2h"),
    ("history bob --keep", "history --with bob --keep"),
    ("block bob", "blacklist add bob"),
    ("blacklist bob carol", "blacklist add bob carol"),
    ("blacklist remove bob", "blacklist rm bob"),
    ("send -5 bob", "send bob -- -5"),
    ("to bob", "chat bob"),
    ("home", "chat"),
    ("broadcast", "broadcast -"),
    ("sendfile bob", "sendfile NAME - --name FILE"),
    ("files send bob", "files send bob - --name FILE"),
    ("files send @bob a.txt", "files send bob a.txt"),
    ("unblock bob", "blacklist rm bob"),
    ("files --sent", "files list --sent"),
    ("files report.pdf", "files get report.pdf"),
    ("files download report.pdf", "files get report.pdf"),
    ("files ls", "files list"),
    ("--unread", "history --unread"),
    ("--sent", "files list --sent"),
    ("--plain", "chat --plain"),
    ("users online", "users --online"),
    ("users bob", "users"),
    ("whoami bob", "whoami"),
    ("watch 5", "watch --count 5"),
    ("watch bob", "history --with bob"),
    ("devices 3", "devices revoke 3"),
    ("devices revoke laptop", "devices"),
    ("sessions rm 3", "sessions revoke 3"),
    ("profile bob", "profile use bob"),
    ("msg bob hi", "send bob hi"),
    ("register zoe", "signup zoe"),
    ("overview", "inbox"),
    ("bob hi there", "send bob 'hi there'"),
)


OPTIONS = ("--timeout abc", "watch --count x", "watch --count 0", "--timeout 0 whoami")


@pytest.mark.parametrize("typed", OPTIONS)
def test_an_option_that_takes_a_number_is_named(cli: Cli, typed: str) -> None:
    result = cli(*shlex.split(typed))
    option = re.search(r"--\w+", typed)
    assert option is not None
    assert (result.status, f"'{option[0]}'" in result.err) == (2, True), result


def answered(result: Result) -> str:
    """The one line of a usage error, without where the program is and which profile it is for."""
    assert (result.status, result.out) == (2, ""), result
    (line,) = result.err.splitlines()
    return re.sub(r"(\S*/)?cnmessage( --profile \S+)? ", "", line.removeprefix("cnmessage: "))


@pytest.mark.parametrize(("typed", "right"), FORMS, ids=[typed for typed, _ in FORMS])
def test_a_likely_wrong_form_is_answered_with_the_right_line(cli: Cli, typed: str, right: str) -> None:
    cli.accounts(f"wrong{FORMS.index((typed, right))}")
    result = cli(*shlex.split(typed), CNMESSAGE_PROFILE=f"wrong{FORMS.index((typed, right))}")
    said = answered(result)
    assert "id you mean" not in said
    assert said.endswith(right) or f" {right} or " in said, said


@pytest.mark.parametrize(
    ("typed", "near", "line"),
    [
        ("send bob hi --quite", "'--quiet' or '--wait'", "send bob -- 'hi --quite'"),
        ("send bob --waits a bit", "'--wait'", "send bob -- '--waits a bit'"),
        ("broadcast --waiting is over", "'--wait'", "broadcast -- '--waiting is over'"),
    ],
)
def test_an_option_that_may_have_been_meant_is_named_beside_the_line_for_a_text(
    cli: Cli, typed: str, near: str, line: str
) -> None:
    said = answered(cli(*shlex.split(typed)))
    option = next(word for word in typed.split() if word.startswith("--"))
    assert said == (
        f"No such option '{option}'; did you mean {near}? if it belongs to the text, write: {line}"
    )


def test_a_near_option_of_a_command_that_takes_no_text_is_told_in_one_line_with_what_a_dash_means(
    cli: Cli,
) -> None:
    assert answered(cli("files", "get", "--alll")) == (
        "No such option '--alll'; did you mean '--all'? "
        "what begins with '-' and is no option stands behind -- (see: files get --help)"
    )


def test_an_option_behind_two_dashes_is_told_also_where_all_words_could_be_users(cli: Cli) -> None:
    cli.accounts("late1", "late2")
    result = cli("--profile", "late1", "send", "late2", "hi", "--", "--json")
    assert result.status == 5
    assert "Options stand before --; write: " in result.err
    assert result.err.endswith("cnmessage --profile late1 send --json late2 hi\n")


def test_what_stands_behind_two_dashes_is_a_text_and_asks_for_no_json(cli: Cli) -> None:
    cli.accounts("dashed1", "dashed2")
    cli.ok("--profile", "dashed1", "send", "dashed2", "--", "--json")
    assert cli.ok("--profile", "dashed2", "history").rows[0][5] == "--json"
    for words in (("send", "nobody", "--", "--json"), ("files", "get", "--", "--json")):
        result = cli("--profile", "dashed1", *words)
        assert (result.status, result.err[:11]) == (5, "cnmessage: ")


FAILING = (
    "history 1000001",
    "history 99999999999999999999",
    "history 1.5",
    "history ''",
    "login zoe --password-file /",
    "login zoe --password-file ''",
    "send -5",
    "watch --count 0",
    "users --timeout 0",
    "history --since never",
    "completion tcsh",
    "devices revoke 99999999999999999999",
    "help files nothing",
    "help nothing",
    "help send nothing",
    "retry a b",
    "blacklist add @bob,carol",
    "files send --to @bob a.txt",
    "history --with @bob",
)


@pytest.mark.parametrize("typed", FAILING)
def test_no_hint_is_a_line_that_fails_as_well(cli: Cli, typed: str) -> None:
    cli.accounts(f"again{FAILING.index(typed)}")
    result = cli(*shlex.split(typed), CNMESSAGE_PROFILE=f"again{FAILING.index(typed)}")
    said = answered(result)
    for word in ("valid integer", "range", "'peer'", "'name'", "x<="):
        assert word not in said
    if "write: " in said:
        line = shlex.split(said.partition("write: ")[2])
        assert line != shlex.split(typed)
        assert cli(*line, CNMESSAGE_PROFILE=f"again{FAILING.index(typed)}").status != 2


def test_an_example_that_is_more_than_a_call_of_the_program_stands_as_it_is(cli: Cli) -> None:
    assert cli("completion").err.endswith('for example: eval "$(cnmessage completion bash)"\n')


def test_sendfile_does_not_advise_what_only_files_send_takes(cli: Cli) -> None:
    cli.accounts("advice1")
    assert "--to" not in cli("--profile", "advice1", "sendfile", "advice1", "carol").err
    assert "--to" in cli("--profile", "advice1", "files", "send", "--to", "advice1", "carol").err


def test_a_text_that_is_too_long_is_told_the_limit_of_a_message(cli: Cli) -> None:
    cli.accounts("limit1")
    for size in (65_537, 65_540, 65_600, 1_000_000):
        result = cli("--profile", "limit1", "send", "limit1", "-", stdin="x" * size)
        others = result.err.replace("65536", "").replace(str(size), "")
        assert (result.status, "65536" in result.err, "655" in others) == (7, True, False)
    cli.ok("--profile", "limit1", "send", "limit1", "-", stdin="\ufeff" + "x" * 65_536 + "\n")


@pytest.mark.parametrize("command", ["signup alice", "login alice", "passwd", "signup alice x"])
def test_a_password_on_the_command_line_is_not_said_again(cli: Cli, command: str) -> None:
    said = answered(cli(*command.split(), "my secret 77"))
    assert "my secret 77" not in said
    assert "never given on the command line" in said
    assert said.endswith(" ".join(command.split()[:2]))


@pytest.mark.parametrize("command", ["send", "files get", "blacklist add", "files send", "completion"])
def test_a_missing_word_is_answered_with_an_example(cli: Cli, command: str) -> None:
    result = cli(*command.split())
    assert result.status == 2
    (line,) = result.err.splitlines()
    assert "cnmessage " in line.removeprefix("cnmessage: ")


def test_a_directory_is_answered_with_the_line_that_sends_it(cli: Cli, tmp_path: Path) -> None:
    import subprocess

    cli.accounts("tar1", "tar2")
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos" / "one.jpg").write_bytes(b"one")
    result = cli("--profile", "tar1", "files", "send", "tar2", str(tmp_path / "my photos"))
    assert result.status == 2
    line = result.err.partition("send it packed: ")[2].strip()
    subprocess.run(
        ["sh", "-c", line], env=cli.environment(), check=True, timeout=PATIENCE, capture_output=True
    )
    packed = subprocess.run(
        ["sh", "-c", '"$@" | tar tz', "sh", line.partition("| ")[2].split(" ")[0], "--profile", "tar2",
         "files", "get", "my photos.tar.gz", "-o", "-"],
        env=cli.environment(), check=True, timeout=PATIENCE, capture_output=True,
    )  # fmt: skip
    assert packed.stdout.decode().splitlines() == ["./my photos/", "./my photos/one.jpg"]


def test_more_users_than_a_message_goes_to_are_answered_with_the_line_that_does_it(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("many1")
    names = [f"user{number}" for number in range(300)]
    (tmp_path / "a.txt").write_text("content")
    for command in (("send", *names, "hi"), ("files", "send", *names, str(tmp_path / "a.txt"))):
        said = answered(cli("--profile", "many1", *command))
        assert "at most 256 users, and these are 300" in said
        assert "xargs -n 256 sh -c " in said
        assert said.endswith("< NAMES")
    # The same name again is no other user.
    same = cli("--profile", "many1", "send", *["many1"] * 300, "hi")
    assert same.status == 0, same.err
    blocked = cli("--profile", "many1", "blacklist", "add", *names)
    assert blocked.status == 5
    assert len(blocked.err.splitlines()) == 301


@pytest.mark.parametrize("count", [1, 2])
def test_one_was_not_done_and_two_were_not(cli: Cli, count: int) -> None:
    cli.accounts(f"was{count}", f"is{count}")
    missing = [f"missing{number}" for number in range(count)]
    result = cli("--profile", f"was{count}", "blacklist", "add", f"is{count}", *missing)
    assert result.status == 8
    were = "was" if count == 1 else "were"
    assert f"{count} of {count + 1} {were} not done" in result.err
