"""The one door of Halo Bestie.

    python3 run.py          serve
    python3 run.py test     run the tests; what follows goes to pytest
    python3 run.py --help   everything else

Needs Python 3.11 and nothing more. If the interpreter lacks the dependencies, they and
the project are installed into .venv beside this file, once, and the command runs there;
inside an environment that has them nothing is installed.
"""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PROJECT = ROOT / "pyproject.toml"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MARKER = VENV / "installed"  # written last: without it .venv is half an installation
REENTERED = "HALOBESTIE_REENTERED"


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - it is this line that says so
        return refuse(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    extras = ["test"] if sys.argv[1:2] == ["test"] else []
    missing = missing_packages(extras)
    if missing and os.environ.get(REENTERED):
        return refuse(f"{', '.join(missing)} missing in {VENV}: remove it and try again")
    if missing:
        try:
            install(extras)
        except (OSError, subprocess.CalledProcessError) as error:
            return refuse(f"installing into {VENV} failed: {error}")
        os.environ[REENTERED] = "1"
        sys.stdout.flush()
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "run.py"), *sys.argv[1:]])
    os.environ.pop(REENTERED, None)
    sys.path.insert(0, str(ROOT))
    from halobestie.cli import main as command

    return command(sys.argv[1:])


def missing_packages(extras: list[str]) -> list[str]:
    """The names of the required packages that this interpreter lacks."""
    import tomllib

    project = tomllib.loads(PROJECT.read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in wanted]
    return [name for name in names if not installed(name)]


def installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def install(extras: list[str]) -> None:
    """Bring .venv up to what pyproject.toml asks for. Two at once queue at a lock."""
    with PROJECT.open("rb") as project:
        fcntl.flock(project, fcntl.LOCK_EX)  # freed by the kernel if we are killed
        digest = hashlib.sha256(project.read() + sys.version.encode()).hexdigest()
        found, *had = MARKER.read_text().split() if MARKER.exists() else [""]
        if found == digest and set(extras) <= set(had):
            return
        wanted = sorted({*extras, *had})
        say(f"installing Halo Bestie and what it needs into {VENV} (once; about a minute)")
        make_venv(fresh=not found)
        MARKER.unlink(missing_ok=True)
        target = f"{ROOT}[{','.join(wanted)}]" if wanted else str(ROOT)
        run(*pip(), "install", "--quiet", "--editable", target)
        draft = MARKER.with_suffix(".new")
        draft.write_text(" ".join([digest, *wanted]))
        draft.replace(MARKER)
        say("installed")


def make_venv(*, fresh: bool) -> None:
    """A virtual environment; from nothing if what is there was left half-way."""
    if not fresh and subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0:
        return
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        # Debian without python3-venv: no pip inside, ours installs from outside.
        run(*command, "--without-pip")


def pip() -> list[str]:
    if (VENV / "bin" / "pip").exists():
        return [str(PYTHON), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def run(*command: str) -> None:
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
    subprocess.run(command, check=True, env={**os.environ, **quiet})


def say(text: str) -> None:
    print(f"run.py: {text}", file=sys.stderr, flush=True)


def refuse(reason: str) -> int:
    say(reason)
    return 1


if __name__ == "__main__":
    sys.exit(main())
