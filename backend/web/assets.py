"""Styles, scripts and pictures: all served by us, at addresses that change with their bytes."""

import re
from functools import cache
from pathlib import Path

import plotly
from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from backend.core.hashing import sha256_hex

FRONTEND = Path(__file__).parents[2] / "frontend"
_STATIC = FRONTEND / "static"
_PLOTLY = Path(plotly.__file__).parent / "package_data"
"""The script that comes with the plotly package: the version that drew the pictures, too."""


@cache
def static(path: str) -> str:
    """The address of an asset, with its version, so that browsers may keep it for good."""
    inside = path.removeprefix("plotly/")
    file = (_STATIC if inside == path else _PLOTLY) / inside
    return f"/static/{path}?v={sha256_hex(file.read_bytes())[:12]}"


@cache
def plotly_map_styles() -> str:
    """
    The id of the element that Plotly looks for before it adds the styles of its maps to a page.

    They are 83 KB that no chart of ours needs and that the policy would refuse; so that it leaves
    them out, its own script element bears the id.
    """
    script = (_PLOTLY / "plotly.min.js").read_text()
    found = re.search(r'getElementById\("([0-9a-f]{64})"\)', script)
    return found[1] if found else "plotly"


class VersionedFiles(StaticFiles):
    """Files that are kept for good when asked for by version, and asked about again otherwise."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if versioned else "no-cache"
        )
        return response


def mount(app: FastAPI) -> None:
    app.mount("/static/plotly", VersionedFiles(directory=_PLOTLY))
    app.mount("/static", VersionedFiles(directory=_STATIC))
