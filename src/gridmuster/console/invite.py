"""The page's address with a code that signs a browser in once."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

from gridmuster.console.client import ApiClient
from gridmuster.console.documents import ProblemDocument
from gridmuster.console.entrydocs import SignInCode
from gridmuster.console.tokens import Role, token_path
from gridmuster.console.whereabouts import find
from gridmuster.errors import LinkError

#: Behind this the page's address carries the code: a browser never sends that part to a server.
FRAGMENT: Final = "#token="


def page_link(url: str, token: str, ca: Path | None = None) -> tuple[str, float]:
    """Where the page signs the token's holder in, once, and for how long that works, s.

    The token itself stays here: addresses are seen by other programs of the machine while a
    browser starts, and a code is soon of no use.

    Args:
        url: the center's address.
        token: whom to sign in.
        ca: certificate to trust besides the system's.

    Raises:
        LinkError: when no center answers, or it does not know the token.
    """
    with ApiClient(url, token, ca) as client:
        found = client.ask("session/code", SignInCode)
    if isinstance(found, ProblemDocument):
        raise LinkError(f"{url}: {found.detail}")
    return f"{url.rstrip('/')}/{FRAGMENT}{quote(found.code, safe='')}", found.expires_s


def page_hint(url: str, tokens: Path) -> str:
    """A line that tells people where the page of a center is and how to sign in.

    Args:
        url: the center's address.
        tokens: folder of its tokens.
    """
    command = "gridmuster console --open"
    if find(None)[0] != url:
        # Another center of this machine is found without being told.
        command += f" --url {url} --token-file {token_path(tokens, Role.OPERATOR)}"
    return f"page: {url}/  sign in: {command}"
