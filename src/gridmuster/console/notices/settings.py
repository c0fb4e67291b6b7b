"""Whom to tell of which alarms: the file that ``gridmuster center --notices`` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from gridmuster.console.loopback import is_loopback
from gridmuster.console.settings import SafeUrl, Settings, load_settings, read_secret
from gridmuster.errors import Fault, FleetError

GUIDE = "docs/console-users.md"
Severity = Literal["critical", "warning", "note"]
#: Enough for an address that is written by hand; the server says whether there is such a person.
ADDRESS = r"^[^\s@<>,;\"]+@[^\s@<>,;\"]+$"


class Webhook(Settings):
    """An address that takes a POST of JSON."""

    url: SafeUrl
    secret_file: str = Field("", description="secret of the signature; empty: not signed")
    ca: str = Field("", description="certificate (PEM) to trust besides the system's")


class Email(Settings):
    """One or more mailboxes."""

    to: tuple[str, ...] = Field(min_length=1, max_length=50)


class Recipient(Settings):
    """Somebody to be told, by webhook or e-mail."""

    name: str = Field(min_length=1, max_length=80)
    webhook: Webhook | None = None
    email: Email | None = None


class Smtp(Settings):
    """The server that takes e-mail."""

    host: str = Field(min_length=1)
    port: int = Field(587, ge=1, le=65_535)
    sender: str = Field(pattern=ADDRESS)
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="none: on this machine only"
    )
    user: str = ""
    password_file: str = ""
    ca: str = Field("", description="certificate (PEM) to trust besides the system's")


class Step(Settings):
    """Whom to tell when nobody has acknowledged an alarm for so long, min of real time."""

    to: tuple[str, ...] = Field(min_length=1, description="names of recipients")
    after_min: float = Field(0.0, ge=0, le=10_080)


class Route(Settings):
    """Who is told of alarms of some severities, one step after the other."""

    severities: tuple[Severity, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=10)


class NoticesFile(Settings):
    """The whole file; paths are relative to it."""

    page: SafeUrl | None = Field(None, description="address of the page, for a link in each notice")
    smtp: Smtp | None = None
    recipients: tuple[Recipient, ...] = Field(min_length=1, max_length=200)
    routes: tuple[Route, ...] = Field(min_length=1, max_length=50)
    group_s: float = Field(20.0, ge=0, le=3600, description="wait for more alarms to tell at once")
    repeat_min: float = Field(
        30.0, ge=0, le=10_080, description="shortest time between two notices of the same alarm"
    )
    max_per_hour: int = Field(30, ge=1, le=3600, description="notices a recipient gets in an hour")
    tell_cleared: bool = Field(True, description="also tell when an alarm that was told is over")


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """The checked file with its secrets.

    Args:
        file: what it says.
        secrets: of webhooks, by the recipient's name.
        password: of the mail server's user.
        folder: what paths in the file are relative to.
    """

    file: NoticesFile
    secrets: dict[str, str]
    password: str
    folder: Path

    def recipient(self, name: str) -> Recipient:
        """A recipient by name."""
        return next(found for found in self.file.recipients if found.name == name)


def load_notices(path: Path) -> NoticeSettings:
    """Read the file.

    Raises:
        FleetError: when it is missing or wrong, every fault at once.
    """
    found = load_settings(path, NoticesFile, GUIDE)
    faults = [*_recipient_faults(path, found), *_route_faults(path, found)]
    secrets: dict[str, str] = {}
    for number, recipient in enumerate(found.recipients):
        if recipient.webhook is not None and recipient.webhook.secret_file:
            place = f"recipients[{number}].webhook.secret_file"
            secrets[recipient.name], more = read_secret(path, recipient.webhook.secret_file, place)
            faults += more
    password = ""
    if found.smtp is not None and found.smtp.password_file:
        password, more = read_secret(path, found.smtp.password_file, "smtp.password_file")
        faults += more
    if faults:
        raise FleetError(faults)
    return NoticeSettings(found, secrets, password, path.parent)


def _recipient_faults(path: Path, found: NoticesFile) -> list[Fault]:
    faults = []

    def fault(place: str, value: str, limit: str, expected: str) -> None:
        faults.append(Fault(str(path), place, value, limit, expected))

    names = [recipient.name for recipient in found.recipients]
    for number, recipient in enumerate(found.recipients):
        place = f"recipients[{number}]"
        if names.index(recipient.name) != number:
            fault(f"{place}.name", recipient.name, "is there twice", "a name of its own")
        ways = [way for way in (recipient.webhook, recipient.email) if way is not None]
        if len(ways) != 1:
            fault(place, f"{len(ways)} ways", "a recipient has one", "webhook or email")
        if recipient.email is not None:
            if found.smtp is None:
                fault("smtp", "none", f"{recipient.name} gets e-mail", "the mail server")
            for position, address in enumerate(recipient.email.to):
                if not _is_address(address):
                    fault(f"{place}.email.to[{position}]", address, "is no address", "kim@host")
        webhook = recipient.webhook
        if webhook is not None and webhook.ca and not (path.parent / webhook.ca).is_file():
            fault(f"{place}.webhook.ca", webhook.ca, "is no file", "a PEM certificate")
    smtp = found.smtp
    if smtp is not None:
        if smtp.security == "none" and not is_loopback(smtp.host):
            fault("smtp.security", "none", f"{smtp.host} is not this machine", "starttls or tls")
        if bool(smtp.user) != bool(smtp.password_file):
            fault("smtp.user", smtp.user or "none", "user and password_file go together", "both")
        if smtp.ca and not (path.parent / smtp.ca).is_file():
            fault("smtp.ca", smtp.ca, "is no file", "a PEM certificate")
    return faults


def _route_faults(path: Path, found: NoticesFile) -> list[Fault]:
    faults = []
    names = {recipient.name for recipient in found.recipients}
    seen: set[str] = set()
    for number, route in enumerate(found.routes):
        place = f"routes[{number}]"
        for severity in route.severities:
            if severity in seen:
                faults.append(
                    Fault(
                        str(path), f"{place}.severities", severity, "is routed twice", "one route"
                    )
                )
            seen.add(severity)
        before_min = -1.0
        for position, step in enumerate(route.steps):
            where = f"{place}.steps[{position}]"
            faults += [
                Fault(str(path), f"{where}.to", name, "is no recipient", ", ".join(sorted(names)))
                for name in step.to
                if name not in names
            ]
            if step.after_min <= before_min:
                limit = "each step is later than the one before"
                expected = f"above {before_min:g} min"
                faults.append(
                    Fault(str(path), f"{where}.after_min", f"{step.after_min:g}", limit, expected)
                )
            before_min = step.after_min
    return faults


def _is_address(text: str) -> bool:
    local, at, host = text.partition("@")
    bad = set(' \t\r\n<>,;"@')
    return bool(local and at and host) and text.isprintable() and not bad & set(local + host)
