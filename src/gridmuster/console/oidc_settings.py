"""What the center is told of the company's own sign-in (OpenID Connect)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, model_validator

from gridmuster.console.settings import SafeUrl, Settings, load_settings, read_secret
from gridmuster.console.tokens import Role
from gridmuster.errors import Fault, FleetError

GUIDE = "docs/console-users.md"


class RoleMap(Settings):
    """Which values of the role claim mean which role."""

    viewer: tuple[str, ...] = ()
    operator: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()


class OidcFile(Settings):
    """The file that ``gridmuster center --oidc`` reads; paths are relative to it."""

    issuer: SafeUrl = Field(description="the provider's issuer identifier")
    client_id: str = Field(min_length=1, description="this center at the provider")
    client_secret_file: str = Field("", description="its secret; empty: a public client")
    redirect_url: SafeUrl = Field(
        description="this center's address, ending in /api/v1/session/oidc/callback"
    )
    name: str = Field("company account", min_length=1, max_length=60, description="for the page")
    scopes: tuple[str, ...] = Field(("openid", "profile"), description="what is asked for")
    name_claim: str = Field("preferred_username", min_length=1, description="claim of the name")
    role_claim: str = Field("roles", min_length=1, description="claim of the roles, dots go inside")
    roles: RoleMap = Field(description="values of the role claim by role")
    ca: str = Field("", description="certificate (PEM) to trust besides the system's")

    @model_validator(mode="after")
    def _whole(self) -> OidcFile:
        faults = []
        if not self.redirect_url.endswith("/api/v1/session/oidc/callback"):
            faults.append("redirect_url must end in /api/v1/session/oidc/callback")
        if "openid" not in self.scopes:
            faults.append("scopes must have openid")
        if not (self.roles.viewer or self.roles.operator or self.roles.admin):
            faults.append("roles let nobody in")
        if faults:
            raise ValueError("; ".join(faults))
        return self


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The checked file with its secret.

    Args:
        file: what it says.
        secret: the client's; empty: a public client.
        roles: role by value of the role claim; the highest of several counts.
        ca: certificate to trust, or None.
    """

    file: OidcFile
    secret: str
    roles: dict[str, Role]
    ca: Path | None = None


def load_oidc(path: Path) -> OidcSettings:
    """Read the file.

    Raises:
        FleetError: when it is missing or wrong, every fault at once.
    """
    found = load_settings(path, OidcFile, GUIDE)
    faults: list[Fault] = []
    secret = ""
    if found.client_secret_file:
        secret, faults = read_secret(path, found.client_secret_file, "client_secret_file")
    ca = path.parent / found.ca if found.ca else None
    if ca is not None and not ca.is_file():
        faults.append(Fault(str(path), "ca", found.ca, "is no file", "a PEM certificate"))
    roles: dict[str, Role] = {}
    for role in Role:
        for value in getattr(found.roles, role.word):
            roles[value] = role
    if faults:
        raise FleetError(faults)
    return OidcSettings(found, secret, roles, ca)
