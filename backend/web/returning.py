"""Where to go after the sign-in: a page of ours, and nowhere else."""

from urllib.parse import quote, urlsplit

FIRST_PAGE = "/"
LONGEST = 2_000


def local_path(wanted: str | None) -> str:
    """The path with its query when it is one of ours, the first page otherwise."""
    if not wanted or len(wanted) > LONGEST or not wanted.isprintable():
        return FIRST_PAGE
    # Browsers read a backslash as a slash, and what follows two slashes as a host.
    is_path = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    parts = urlsplit(wanted) if is_path else None
    if parts is None or parts.scheme or parts.netloc or parts.path.startswith("/sign-"):
        return FIRST_PAGE
    return wanted


def sign_in_path(wanted: str) -> str:
    """The sign-in that leads back to this page."""
    path = local_path(wanted)
    return "/sign-in" if path == FIRST_PAGE else f"/sign-in?next={quote(path, safe='/')}"
