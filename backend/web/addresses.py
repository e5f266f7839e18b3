"""Where people reach the web process."""

from backend.core.settings import settings


def web_address() -> str:
    """Of this machine, without a slash at its end."""
    host = settings().web_host
    # What listens everywhere is reached at this one too.
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings().web_port}"
