"""The bootstrap: what it installs, and when not. pip itself is only recorded here."""

import importlib.util
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = """
[project]
name = "sample"
dependencies = ["trio>=0.32,<1", "surely-not-there==1.*"]
[project.optional-dependencies]
test = ["neither-this>=1"]
"""


class Installer:
    """Stands in for the commands that `run.py` runs."""

    def __init__(self) -> None:
        self.venvs = 0
        self.installed: list[str] = []
        self.interrupted = False

    def __call__(self, *command: str) -> None:
        if self.interrupted:
            raise subprocess.CalledProcessError(1, command)
        self.installed.append(command[-1])


@pytest.fixture
def installer() -> Installer:
    return Installer()


@pytest.fixture
def door(tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """run.py, beside a project of its own."""
    spec = importlib.util.spec_from_file_location("door", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    for name, value in {
        "ROOT": tmp_path,
        "PROJECT": tmp_path / "pyproject.toml",
        "VENV": tmp_path / ".venv",
        "PYTHON": tmp_path / ".venv" / "bin" / "python",
        "MARKER": tmp_path / ".venv" / "installed",
        "run": installer,
    }.items():
        monkeypatch.setattr(module, name, value)

    def make_venv(*, fresh: bool) -> None:
        installer.venvs += fresh
        (tmp_path / ".venv").mkdir(exist_ok=True)

    monkeypatch.setattr(module, "make_venv", make_venv)
    return module


def test_an_environment_that_has_everything_is_left_alone(door: ModuleType, tmp_path: Path) -> None:
    assert door.missing_packages([]) == ["surely-not-there"]
    assert door.missing_packages(["test"]) == ["surely-not-there", "neither-this"]
    (tmp_path / "pyproject.toml").write_text(PROJECT.replace("surely-not-there==1.*", "msgspec"))
    assert door.missing_packages([]) == []


def test_it_installs_once(door: ModuleType, installer: Installer, tmp_path: Path) -> None:
    door.install([])
    door.install([])
    assert installer.venvs == 1
    assert installer.installed == [str(tmp_path)]


def test_the_test_command_adds_its_extra_once(
    door: ModuleType, installer: Installer, tmp_path: Path
) -> None:
    door.install([])
    door.install(["test"])
    door.install(["test"])
    door.install([])
    assert installer.installed == [str(tmp_path), f"{tmp_path}[test]"]
    assert installer.venvs == 1


def test_an_interrupted_installation_is_made_again_from_nothing(
    door: ModuleType, installer: Installer, tmp_path: Path
) -> None:
    installer.interrupted = True
    with pytest.raises(subprocess.CalledProcessError):
        door.install([])
    installer.interrupted = False
    door.install([])
    assert installer.venvs == 2
    assert installer.installed == [str(tmp_path)]


def test_a_changed_project_is_installed_again_with_what_was_there(
    door: ModuleType, installer: Installer, tmp_path: Path
) -> None:
    door.install(["test"])
    (tmp_path / "pyproject.toml").write_text(PROJECT + "# changed\n")
    door.install([])
    assert installer.installed == [f"{tmp_path}[test]"] * 2
    assert installer.venvs == 1


def test_two_at_once_install_once(door: ModuleType, installer: Installer) -> None:
    threads = [threading.Thread(target=door.install, args=([],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(installer.installed) == 1


def answer(*words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_explains_every_command() -> None:
    said = answer("--help")
    assert said.returncode == 0
    commands = "serve test demo actors migrate create-admin fake-xendit bench"
    for command in commands.split():
        assert f"\n  {command} " in said.stdout
    assert said.stderr == ""


def test_an_unknown_command_is_refused() -> None:
    said = answer("dance")
    assert said.returncode == 2
    assert "dance" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.fixture
def bad_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://u:hunter2@h/d")


@pytest.mark.usefixtures("bad_environment")
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_bad_variable_stops_the_start_with_one_line(command: str) -> None:
    said = answer(command)
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert said.stderr.startswith("halobestie: DATABASE_URL must be a URL")


def test_an_address_that_is_taken_stops_the_start_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LOG_FORMAT", "json")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PUBLIC_BIND", f"127.0.0.1:{taken.getsockname()[1]}")
        said = answer("serve")
    assert said.returncode == 2
    assert said.stderr.startswith("halobestie: PUBLIC_BIND or INTERNAL_BIND cannot be had")
    assert said.stderr.count("\n") == 1


def test_migrate_brings_an_embedded_database_forward_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    first, second = answer("migrate"), answer("migrate")
    assert first.stdout.endswith(" migrations ran\n")
    assert second.stdout == "nothing to migrate\n"


def test_an_admin_is_created_and_let_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for password in ("correct horse", "battery staple"):
        said = answer("create-admin", "ops@halo.example", typed=f"{password}\n")
        assert (said.returncode, said.stderr) == (0, "")
        assert said.stdout.endswith("ops@halo.example is an admin\n")
        assert password not in said.stdout


@pytest.mark.parametrize(
    ("email", "password"), [("ops", "correct horse"), ("ops@halo.example", "short")]
)
def test_an_admin_needs_an_e_mail_and_a_long_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, email: str, password: str
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    said = answer("create-admin", email, typed=f"{password}\n")
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
