#!/usr/bin/env python3
"""Set up and run Gridmuster from a clone, with nothing but Python.

usage: python3 dev.py COMMAND [ARGS...]

  setup [--dev]   make .venv and install the locked packages (--dev: those for development too)
  demo  [ARGS]    set up, then run "gridmuster demo ARGS"
  test  [ARGS]    set up for development, then run pytest: all tests, or "pytest -q ARGS"
  bench [ARGS]    set up for development, then run "python -m benchmarks ARGS"
  soak  [ARGS]    set up for development, then run the long tests: "pytest -m soak tests/soak ARGS"
  lint            set up for development, then run every static check and the house rules

Works from any directory. A set-up that is already current takes no time. The exit code is that of
the command that was run.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
EXE = ".exe" if os.name == "nt" else ""
PYTHON = BIN / f"python{EXE}"
LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
UV = "uv==0.13.9"
OLDEST = (3, 11)


def check_python() -> None:
    """Stop with what to do when this Python cannot make a virtual environment."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"dev.py: Python 3.11 or newer is needed; this is {found} ({sys.executable})")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sys.exit("dev.py: this Python lacks venv (Debian, Ubuntu: apt install python3-venv)")


def run(*command: object, cwd: pathlib.Path | None = ROOT) -> int:
    """Run a command and return its exit code, as a shell would give it."""
    try:
        code = subprocess.run([str(part) for part in command], cwd=cwd, check=False).returncode
    except FileNotFoundError as error:
        print(f"dev.py: cannot run {command[0]}: {error}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 130
    return code if code >= 0 else 128 - code


def become(*command: object, cwd: pathlib.Path | None = ROOT) -> int:
    """Hand over to a command, so that it gets the signals; where that is impossible, run it."""
    if os.name == "nt" or not pathlib.Path(str(command[0])).exists():
        return run(*command, cwd=cwd)
    if cwd is not None:
        os.chdir(cwd)
    sys.stdout.flush()
    words = [str(part) for part in command]
    os.execv(words[0], words)


def step(*command: object) -> None:
    """Run one step of the set-up, and stop when it fails."""
    code = run(*command)
    if code:
        print(
            f"dev.py: set-up failed (exit {code}): {' '.join(map(str, command))}", file=sys.stderr
        )
        sys.exit(code)


def setup(lock: str) -> None:
    """Install a lock and this package into .venv, unless that was done for these very files."""
    check_python()
    files = (lock, "pyproject.toml")
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in files))
    digest.update(f"{UV} {VENV}".encode())
    wanted = digest.hexdigest()
    stamp = VENV / f".{lock}"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"dev.py: installing {lock} into {VENV}", file=sys.stderr, flush=True)
    uv = BIN / f"uv{EXE}"
    if not uv.exists():
        step(sys.executable, "-m", "venv", VENV)
    step(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", UV)
    install = (uv, "pip", "install", "-q", "--python", PYTHON)
    step(*install, "--require-hashes", "-r", lock)
    step(*install, "--no-deps", "-e", ".")
    stamp.write_text(wanted)


def lint() -> int:
    """Run every static check, name those that failed, and return 1 if any did."""
    checks: dict[str, tuple[object, ...]] = {
        "ruff check": (PYTHON, "-m", "ruff", "check", "."),
        "ruff format": (PYTHON, "-m", "ruff", "format", "--check", "."),
        "mypy": (PYTHON, "-m", "mypy"),
        "lint-imports": (BIN / f"lint-imports{EXE}", "--no-logo"),
    }
    rules = [name for name in ("tests/house", "tests/docs") if (ROOT / name).is_dir()]
    if rules:
        checks["house rules"] = (PYTHON, "-m", "pytest", "-q", *rules)
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        if run(*command):
            failed.append(name)
    print(f"lint: failed: {', '.join(failed)}" if failed else "lint: all passed")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
    """Run the command named first in argv."""
    name, *args = argv or ["--help"]
    if name in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    if name not in ("setup", "demo", "test", "bench", "soak", "lint"):
        print(f"dev.py: no command {name!r}\n\n{__doc__.strip()}", file=sys.stderr)
        return 2
    takes_no_more = {"setup": ["--dev"], "lint": []}
    extra = [word for word in args if word not in takes_no_more.get(name, args)]
    if extra:
        print(f"dev.py: {name} does not take {' '.join(extra)}", file=sys.stderr)
        return 2

    setup(LOCK if name == "demo" or (name == "setup" and not args) else DEV_LOCK)
    if name == "demo":
        return become(BIN / f"gridmuster{EXE}", "demo", *args, cwd=None)
    if name == "test":
        return become(PYTHON, "-m", "pytest", "-q", *(args or ["-n", "2"]))
    if name == "bench":
        return become(PYTHON, "-m", "benchmarks", *args)
    if name == "soak":
        return become(PYTHON, "-m", "pytest", "-m", "soak", "tests/soak", *args)
    return lint() if name == "lint" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
