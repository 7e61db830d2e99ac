"""What the tools say about the house is part of its tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--quiet", "."], id="lint"),
        pytest.param(["ruff", "format", "--check", "--quiet", "."], id="format"),
        pytest.param(["mypy"], id="types"),
    ],
)
def test_the_tools_have_nothing_to_say(command: list[str]) -> None:
    said = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, f"{' '.join(command)}:\n{said.stdout}{said.stderr}"
