"""What every answer tells the browser it may do with it, errors included."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import Scope

from backend.web import cookies
from backend.web.flash import COOKIE

# Plotly makes an empty <style> and fills it rule by rule, which scripts of ours may; this is the
# hash of nothing, so that no element with a text of its own is let in.
_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

POLICY = "; ".join(
    (
        # Whatever is not named is forbidden, and nothing comes from elsewhere.
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        # data: and blob: are pictures that Plotly makes for downloads and patterns.
        "img-src 'self' data: blob:",
        f"style-src-elem 'self' {_EMPTY_STYLE}",
        # Plotly sets styles on the elements that it draws.
        "style-src-attr 'unsafe-inline'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(),"
        " publickey-credentials-get=(), serial=(), usb=()"
    ),
    # Not "no-referrer": browsers then call the origin of a form "null", which we refuse.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_A_YEAR = "max-age=31536000"


def add(scope: Scope, headers: MutableHeaders, status: int, request_id: str) -> None:
    """What the answer says by itself stays."""
    headers["X-Request-Id"] = request_id
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    # Pages speak of money: what is not meant to be kept must not be found in a browser's cache.
    headers.setdefault("Cache-Control", "no-store")
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = _A_YEAR
    if left := scope.get("state", {}).get("rate_limit"):
        headers["RateLimit-Limit"] = str(left.limit)
        headers["RateLimit-Remaining"] = str(left.remaining)
        headers["RateLimit-Reset"] = str(left.reset_seconds)
    # Here, since pages return answers of their own, which no dependency can reach.
    if fresh := scope.get("state", {}).get("fresh_token"):
        headers.append("Set-Cookie", cookies.header(Request(scope), *fresh))
    if status < 300 and _is_page_with_flash(scope):
        headers.append("Set-Cookie", f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly")


def _is_page_with_flash(scope: Scope) -> bool:
    """Whether a page shows what the one before had to say; fetches of its parts do not."""
    headers = Headers(scope=scope)
    asks_for_page = headers.get("sec-fetch-mode", "navigate") == "navigate"
    return asks_for_page and f"{COOKIE}=" in headers.get("cookie", "")
