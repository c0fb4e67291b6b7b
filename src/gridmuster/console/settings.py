"""Settings files of the console: YAML, checked as a whole, secrets in files of their own."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from gridmuster.console.loopback import is_loopback
from gridmuster.errors import Fault, FleetError

#: Longest secret in a file, bytes.
MAX_SECRET_BYTES = 4096


class Settings(BaseModel):
    """Part of a settings file; a word it does not know is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def safe_url(url: str) -> str:
    """An address that may carry secrets: HTTPS, or HTTP to this machine.

    Raises:
        ValueError: when it is another.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("is not an address like https://host/path")
    if parts.username is not None:
        raise ValueError("carries a user name; secrets belong in a file of their own")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("would cross the network in plain text; use https://")
    return url


#: An address that secrets may be sent to.
SafeUrl = Annotated[str, AfterValidator(safe_url)]


def load_settings(path: Path, model: type[Model], guide: str) -> Model:
    """Read a settings file.

    Args:
        path: the file, YAML.
        model: what it must be.
        guide: where to read what is expected.

    Raises:
        FleetError: when it is missing or wrong, every fault at once.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise FleetError([Fault(str(path), "", "unreadable", text, "a YAML file")]) from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise FleetError(
            [
                Fault(
                    str(path),
                    _place(item["loc"]),
                    repr(item["input"])[:120],
                    item["msg"].removeprefix("Value error, "),
                    f"see {guide}",
                )
                for item in error.errors()
            ]
        ) from error


def _place(steps: tuple[int | str, ...]) -> str:
    """Where in a file, like ``recipients[0].webhook.url``."""
    place = ""
    for step in steps:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place.lstrip(".") or "the file"


def read_secret(beside: Path, name: str, place: str) -> tuple[str, list[Fault]]:
    """The secret in a file of one line that only its owner may read.

    Args:
        beside: the settings file; the name is relative to its folder.
        name: the secret's file.
        place: where the settings file names it.

    Returns:
        The secret and no fault, or an empty text and the faults.
    """
    path = beside.parent / name
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes()[: MAX_SECRET_BYTES + 1].decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault(str(beside), place, name, str(error), "a file with one secret")
        return "", [fault]
    faults = []
    if os.name != "nt" and mode & 0o077:
        limit = "readable by its owner only"
        faults.append(Fault(str(beside), place, f"{name} ({mode:04o})", limit, "chmod 600"))
    if not text or "\n" in text or len(text) > MAX_SECRET_BYTES:
        faults.append(Fault(str(beside), place, name, "holds no single line", "one secret"))
    return ("" if faults else text), faults
