"""The console's pages: the bundle built from ``ui/``, read once and served from memory."""

from __future__ import annotations

import gzip
import hashlib
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.problems import Problem

#: Where the built bundle lies in the package.
WEB: Final = Path(__file__).parent / "web"
#: Everything from here, nothing inline, no frame (W3C, Content Security Policy Level 3).
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self' blob:; font-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Smaller files are not worth compressing, bytes.
MIN_GZIP_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class _Asset:
    plain: bytes
    packed: bytes | None
    media_type: str
    tag: str
    lasting: bool


class Bundle:
    """The files of a built page.

    Args:
        folder: where the build lies.
    """

    def __init__(self, folder: Path = WEB) -> None:
        self._assets: dict[str, _Asset] = {}
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and path.suffix in MEDIA_TYPES:
                name = path.relative_to(folder).as_posix()
                self._assets[name] = _read(path, lasting=name.startswith("assets/"))

    def answer(self, name: str, request: Request) -> Response:
        """Serve one file.

        Raises:
            Problem: 404 when the bundle does not have it.
        """
        asset = self._assets.get(name)
        if asset is None:
            detail = f"There is no {request.url.path} here."
            if not self._assets:
                detail = "The pages are not built; run npm ci and npm run build in ui/."
            raise Problem(404, "not-found", detail)
        headers = {
            # Names of assets change with their content.
            "Cache-Control": "public, max-age=31536000, immutable" if asset.lasting else "no-cache",
            "Content-Security-Policy": PAGE_POLICY,
            "ETag": asset.tag,
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == asset.tag:
            return Response(status_code=304, headers=headers)
        content = asset.plain
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content = asset.packed
            headers["Content-Encoding"] = "gzip"
        return Response(content, headers=headers, media_type=asset.media_type)


def _read(path: Path, *, lasting: bool) -> _Asset:
    plain = path.read_bytes()
    packed = gzip.compress(plain, mtime=0) if len(plain) >= MIN_GZIP_BYTES else None
    tag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
    return _Asset(plain, packed, MEDIA_TYPES[path.suffix], tag, lasting)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page, not a program for a document."""
    path, accepted = request.url.path, request.headers.get("accept", "")
    return not path.startswith("/api/") and "text/html" in accepted.lower()


def no_page(detail: str) -> Response:
    """The page that says that there is nothing at an address, with the way on.

    Args:
        detail: what is not there, in words.
    """
    text = html.escape(detail)
    content = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>No such page - Gridmuster</title>'
        f'<h1>No such page</h1><p>{text}</p><p><a href="/">Gridmuster\'s page</a></p></html>'
    )
    return Response(content, 404, media_type="text/html; charset=utf-8")


router = APIRouter(route_class=SecuredRoute, include_in_schema=False)


def _bundle(request: Request) -> Bundle:
    bundle: Bundle = request.app.state.bundle
    return bundle


@router.get("/", openapi_extra=needs(None))
async def index(request: Request) -> Response:
    """The page; it asks for everything else."""
    return _bundle(request).answer("index.html", request)


@router.get("/icon.svg", openapi_extra=needs(None))
async def icon(request: Request) -> Response:
    """The page's icon."""
    return _bundle(request).answer("icon.svg", request)


@router.get("/assets/{name:path}", openapi_extra=needs(None))
async def assets(request: Request, name: str) -> Response:
    """Scripts, styles and map data of the page."""
    return _bundle(request).answer(f"assets/{name}", request)
