"""What `deploy/` gives to operators: named in the documents, and sound to the programs that read it."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cnmessage_broker.config import Config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "cnmessage-broker.service"
RULES = DEPLOY / "nftables.conf"


def test_the_operators_page_names_every_file_and_no_other() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    named = set(re.findall(r"\]\(\.\./deploy/([^)]+)\)", page))
    assert named == {each.name for each in DEPLOY.iterdir()}


def test_the_unit_starts_again_without_end_and_with_a_growing_pause() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    # systemd's keys have capitals, configparser's have none unless it is told so.
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    service = unit["Service"]
    assert service["Restart"] == "always"
    assert int(service["RestartSec"]) < int(service["RestartMaxDelaySec"])
    assert int(service["RestartSteps"]) > 1
    assert service["RestartPreventExitStatus"] == "2", "a wrong setting does not mend itself"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert "MemoryMax" in service
    assert int(service["LimitNOFILE"]) > 2 * Config(data=ROOT).max_listeners


def test_the_rules_are_about_the_four_ports() -> None:
    port = Config(data=ROOT).port
    assert f"define ports = {port}-{port + 3} " in RULES.read_text()


def test_the_rules_are_sound_to_nft() -> None:
    if shutil.which("nft") is None or os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("CI must be able to read the rules: it needs root and nftables")
        pytest.skip("checking the rules needs root and nftables")
    # In a namespace of its own, for nft looks at what is loaded, too.
    ended = subprocess.run(
        ["unshare", "-n", "nft", "-c", "-f", str(RULES)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
