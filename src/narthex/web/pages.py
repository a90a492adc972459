"""The UI: one index page for all its paths, hashed assets, user assets, and an honest page when it was not built."""

from __future__ import annotations

import html
import mimetypes
from pathlib import Path

from aiohttp import web

from narthex.errors import StorageError
from narthex.model.duration import format_duration
from narthex.web.context import Context, WebSettings
from narthex.web.transport import send

UI_PATHS = (
    "/targets", "/service-discovery", "/status", "/flags", "/config", "/alertmanager-discovery",
)  # fmt: skip
SERVER_PATHS = ("/query", "/alerts", "/rules", "/tsdb-status")
AGENT_PATHS = ("/agent",)
_HTML = "text/html; charset=utf-8"
_FOREVER = "public, max-age=31536000, immutable"  # for names that carry a hash of their content

_NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui;max-width:42rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}}</style>
<h1>Narthex is running, its web UI was not built</h1>
<p>The server scrapes, stores and answers the HTTP API as usual. To get the UI, install Node.js 20 or later and run
<code>make build</code> in the source tree (or <code>pip install .</code>), or install a wheel, which contains it.</p>
<p>Meanwhile: <a href="{prefix}/api/v1/targets">targets</a>, <a href="{prefix}/api/v1/rules">rules</a>,
<a href="{prefix}/api/v1/alerts">alerts</a>, <a href="{prefix}/api/v1/query?query=up">a query</a>,
<a href="{prefix}/metrics">own metrics</a>.</p>
"""


class Pages:
    """Serves files below the UI's folder; reads the index once a change of its file."""

    def __init__(self, static: Path | None) -> None:
        self._static = static
        self._index: tuple[float, str] | None = None

    def index(self, context: Context) -> bytes:
        """The single page of the UI with this server's settings in it."""
        settings = context.settings
        template = self._template()
        if template is None:
            page = _NOT_BUILT.format(title=html.escape(settings.page_title), prefix=html.escape(settings.route_prefix))
            return page.encode()
        for name, value in _placeholders(context, settings).items():
            template = template.replace(name, html.escape(value))
        return template.encode()

    def _template(self) -> str | None:
        if self._static is None:
            return None
        path = self._static / "index.html"
        try:
            changed = path.stat().st_mtime
            if self._index is None or self._index[0] != changed:
                self._index = (changed, path.read_text())
        except FileNotFoundError:
            return None
        except OSError as e:
            raise StorageError(f"cannot read {path}: {e}") from None
        return self._index[1]

    def file(self, name: str) -> tuple[bytes, str, bool] | None:
        """Content, media type and whether the name is hashed, of a file of the UI; None when there is none."""
        if self._static is None:
            return None
        found = read_below(self._static, name)
        return None if found is None else (*found, name.startswith("assets/"))


async def index(context: Context, pages: Pages, request: web.Request) -> web.StreamResponse:
    headers = {"Cache-Control": "no-cache"}
    return await send(request, pages.index(context), content_type=_HTML, headers=headers)


async def asset(context: Context, pages: Pages, request: web.Request) -> web.StreamResponse:
    found = pages.file(request.match_info.get("asset") or request.path.rsplit("/", 1)[-1])
    if found is None:
        return not_found()
    content, media_type, hashed = found
    headers = {"Cache-Control": _FOREVER if hashed else "no-cache"}
    return await send(request, content, content_type=media_type, headers=headers)


async def user_asset(context: Context, request: web.Request) -> web.StreamResponse:
    folder = context.settings.user_assets
    found = None if folder is None else read_below(folder, request.match_info["file"])
    return not_found() if found is None else await send(request, found[0], content_type=found[1])


def read_below(folder: Path, name: str) -> tuple[bytes, str] | None:
    """Content and media type of a file below `folder`; None for anything outside it or absent."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        return None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if media_type.startswith("text/") or media_type in ("application/javascript", "application/json"):
        media_type += "; charset=utf-8"
    return path.read_bytes(), media_type


def not_found() -> web.Response:
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=404, body=b"404 page not found\n", headers=headers)


def _placeholders(context: Context, settings: WebSettings) -> dict[str, str]:
    return {
        "CONSOLES_LINK_PLACEHOLDER": "",
        "TITLE_PLACEHOLDER": settings.page_title,
        "AGENT_MODE_PLACEHOLDER": str(settings.agent).lower(),
        "READY_PLACEHOLDER": str(context.state.ready).lower(),
        "LOOKBACKDELTA_PLACEHOLDER": format_duration(settings.lookback),
        "BASE_PATH_PLACEHOLDER": settings.route_prefix,
    }
