"""No tracked file names a package registry or a path of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Spelt in pieces, so that this file passes its own test.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("conda", "anaconda", "org"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    )
]
HOST = re.compile("|".join(map(re.escape, HOSTS)))
MACHINE_PATH = re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:work|farm|root|home|Users)/")
INDEX_OPTION = re.compile(r"--(?:extra-)?index-url|--find-links|^-[if]\s|://")


def tracked() -> list[Path]:
    """Every tracked file that is text."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    paths = [ROOT / name for name in listing.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def hits(pattern: re.Pattern[str], paths: list[Path]) -> str:
    """The lines that match, one a line."""
    return "\n".join(
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    )


def test_no_file_but_prose_names_a_registry() -> None:
    found = hits(HOST, [path for path in tracked() if path.suffix != ".md"])
    assert not found, found


def test_no_file_names_a_path_of_one_machine() -> None:
    found = hits(MACHINE_PATH, tracked())
    assert not found, found


def test_python_locks_name_no_index_and_no_address() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert len(locks) == 2
    found = hits(INDEX_OPTION, locks)
    assert not found, found


def test_python_locks_hash_every_package() -> None:
    for lock in sorted(ROOT.glob("requirements*.lock")):
        for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
            assert "--hash=sha256:" in entry, f"{lock.name}: {entry}"


def test_package_locks_resolve_to_no_address() -> None:
    locks = [path for path in tracked() if path.name == "package-lock.json"]
    found = hits(re.compile(r'"resolved":\s*"\w+://'), locks)
    assert not found, found


def test_other_tools_locks_are_not_tracked() -> None:
    found = [p.name for p in tracked() if p.name == "uv.lock" or p.name.startswith("pylock")]
    assert not found, f"these record registry hosts: {found}"


@pytest.mark.parametrize("root", ["work", "root", "home"])
def test_the_path_check_sees_paths(root: str) -> None:
    path = f"/{root}/me/x"
    assert MACHINE_PATH.search(path)
    assert MACHINE_PATH.search(f'open("{path}")')
    assert not MACHINE_PATH.search(f"see example{path}")
