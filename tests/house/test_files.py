"""What no file of the house may hold. The words are put together here so as not to be found."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

REGISTRY_HOSTS = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "ruby" + "gems.org",
    "repo.maven" + ".apache.org",
]
UNFINISHED = [
    "TO" + "DO",
    "FIX" + "ME",
    "X" + "XX",
    "pytest." + "skip",
    "mark." + "skip",
    "mark." + "xfail",
]


def files() -> list[Path]:
    """Every text file that git knows or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:  # a copy without its repository
        folders = ("actors", "halobestie", "sql", "tests", "docs")
        found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return [path for path in found if path.is_file() and b"\0" not in path.read_bytes()]


def holding(words: list[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files()
        for word in words
        if word in path.read_text(errors="replace")
    ]


@pytest.mark.parametrize("words", [REGISTRY_HOSTS, UNFINISHED], ids=["registries", "unfinished"])
def test_no_file_names_it(words: list[str]) -> None:
    assert holding(words) == []
