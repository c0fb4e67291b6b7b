#!/usr/bin/env python3
"""Set up and run Gridmuster from a clone, with nothing but Python.

usage: python3 dev.py COMMAND [ARGS...]

  setup [--dev]   make .venv and install the locked packages (--dev: those for development too)
  demo  [ARGS]    set up, then run "gridmuster demo ARGS"
  test  [ARGS]    set up for development, then run pytest: all tests, or "pytest -q ARGS"
  bench [ARGS]    set up for development, then run "python -m benchmarks ARGS"
  soak  [ARGS]    set up for development, then run the long tests: "pytest -m soak tests/soak ARGS"
  lint            set up for development, then run every static check and the house rules
  ui              build the console's pages from ui/ into the package (needs Node 20.19 or newer)

Works from any directory. A set-up that is already current takes no time. The exit code is that of
the command that was run.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
EXE = ".exe" if os.name == "nt" else ""
PYTHON = BIN / f"python{EXE}"
LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
UV = "uv==0.13.9"
OLDEST = (3, 11)
UI = ROOT / "ui"
WEB = ROOT / "src" / "gridmuster" / "console" / "web"
OLDEST_NODE = (20, 19)
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


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


def node_fault() -> str:
    """Why the pages cannot be built on this machine; empty when they can."""
    node = shutil.which("node")
    wanted = ".".join(map(str, OLDEST_NODE))
    if node is None or shutil.which("npm") is None:
        return f"Node.js {wanted} or newer with npm is not on the PATH"
    words = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = tuple(int(part) for part in re.findall(r"\d+", words)[:2])
    return "" if found >= OLDEST_NODE else f"Node.js {wanted} is needed; this is {words.strip()}"


def setup_ui() -> None:
    """Install what builds the pages, unless that was done for this very lock."""
    lock = UI / "package-lock.json"
    stamp = UI / "node_modules" / ".gridmuster"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("dev.py: installing ui/package-lock.json", file=sys.stderr, flush=True)
    step("npm", "ci", "--prefix", UI, "--silent")
    stamp.write_text(wanted)


def build_ui(into: pathlib.Path) -> int:
    """Build the pages into a folder."""
    os.environ["GRIDMUSTER_UI_OUT"] = str(into)
    return run("npm", "run", "--silent", "build", "--", "--logLevel", "warn", cwd=UI)


def compare_ui() -> int:
    """Build the pages and compare them, byte for byte, with those in the package."""
    with tempfile.TemporaryDirectory(prefix="gridmuster-ui-") as folder:
        built = pathlib.Path(folder) / "web"
        if build_ui(built):
            return 1
        names = {
            path.relative_to(base).as_posix()
            for base in (built, WEB)
            for path in base.rglob("*")
            if path.is_file()
        }
        _, different, missing = filecmp.cmpfiles(built, WEB, sorted(names), shallow=False)
    for name in different + missing:
        print(f"{name}: the package's file is not what ui/ builds; run python3 dev.py ui")
    return 1 if different or missing else 0


def lint_ui() -> list[str]:
    """Check the pages' source and bundle; returns the names of the checks that failed."""
    fault = node_fault()
    if fault:
        print(f"== pages\nnot checked: {fault}")
        return ["pages"] if IN_CI else []
    setup_ui()
    failed = []
    for name, words in {"page types": ("run", "check"), "page tests": ("run", "test")}.items():
        print(f"== {name}", flush=True)
        if run("npm", *words, "--silent", cwd=UI):
            failed.append(name)
    print("== page bundle", flush=True)
    if compare_ui():
        failed.append("page bundle")
    return failed


def ui() -> int:
    """Build the pages into the package."""
    fault = node_fault()
    if fault:
        print(f"dev.py: {fault}", file=sys.stderr)
        return 1
    setup_ui()
    return build_ui(WEB)


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
    failed += lint_ui()
    print(f"lint: failed: {', '.join(failed)}" if failed else "lint: all passed")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
    """Run the command named first in argv."""
    name, *args = argv or ["--help"]
    if name in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    if name not in ("setup", "demo", "test", "bench", "soak", "lint", "ui"):
        print(f"dev.py: no command {name!r}\n\n{__doc__.strip()}", file=sys.stderr)
        return 2
    takes_no_more = {"setup": ["--dev"], "lint": [], "ui": []}
    extra = [word for word in args if word not in takes_no_more.get(name, args)]
    if extra:
        print(f"dev.py: {name} does not take {' '.join(extra)}", file=sys.stderr)
        return 2

    if name == "ui":
        return ui()
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
