"""
A process of its own that speaks to the outside: it is given one address and some messages.

It knows no database, no settings and no secret but that address, may be killed at any moment, and
guards every connection at the moment it is made: whatever a name was resolved to, and wherever an
answer leads on to, the own network is not reached.

Reads one JSON document from standard input, writes one line of JSON for each message.
"""

import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from backend.notifications.guard import Guard, Refused

_LOCAL = {"blink1", "dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
"""Kinds that reach nobody but this machine."""
_READABLE = (
    *(os.path.realpath(each) + os.sep for each in (sys.prefix, sys.base_prefix)),
    *("/usr/", "/etc/ssl/", "/etc/pki/", "/etc/mime.types", "/dev/"),
)
_CAUSE = re.compile(
    r"\[Errno -?\d+\] [^'\")\]]+|[Tt]imed out|certificate verify failed[^(\]]*|Connection aborted"
)
_SHORTEST = 4
"""Characters; anything shorter in an address would blank out ordinary words."""

_refused: list[str] = []


def main() -> None:
    asked = json.load(sys.stdin)
    guard = Guard(allows_private=bool(asked["allows_private"]))
    try:
        channel = _Channel(asked["address"])
        guard.check_names(channel.leads_to)
    except Refused as error:
        _say({"error": str(error), "is_final": True})
        return
    _keep_in(guard)
    if not asked["messages"]:
        _say({"kind": channel.kind, "host": channel.host})
    for message in asked["messages"]:
        result = channel.send(**message)
        _say(result)
        if "error" in result:
            return  # those behind it are to wait, and whoever asked may not be so quick to say so


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)  # noqa: T201 - this is what the process is for


class _Channel:
    """One address as the library understands it. Raises `Refused` where it does not."""

    def __init__(self, address: str) -> None:
        apprise = _library()
        self._log = _Log()
        asset = apprise.AppriseAsset(
            app_id="Glassbox",
            app_desc="Glassbox",
            app_url="",
            http_redirects=False,
            secure_logging=True,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        if address.partition(":")[0].lower() in _LOCAL:
            raise Refused("That kind of address reaches nobody but the machine it is sent from.")
        service = apprise.Apprise.instantiate(address, asset=asset)
        if service is None:
            raise Refused(self._why_not(address))
        # What an address asks for itself does not count: an answer may not lead on elsewhere, and
        # when to try again is decided where it is written down.
        service.redirects, service.retry = False, 0
        self._format = apprise.NotifyFormat.TEXT
        self._apprise = apprise.Apprise(asset=asset)
        self._apprise.add(service)
        self.kind = str(service.service_name)
        has_host = "host" in service.template_tokens
        self.host = str(service.host or "") if has_host else ""
        self.leads_to = [host for host in [getattr(service, "smtp_host", "") or self.host] if host]
        self._scrub = _scrubber(address, {self.host, *self.leads_to})

    def send(self, title: str, text: str, kind: str) -> dict[str, Any]:
        self._log.lines.clear()
        _refused.clear()
        try:
            sent = bool(
                self._apprise.notify(
                    title=title, body=text, notify_type=kind, body_format=self._format
                )
            )
        except Exception as error:  # a fault of a plugin is an answer, too
            self._log.lines.append(f"{type_name(error)}: {error}")
            sent = False
        if sent:
            return {"is_sent": True}
        return {"error": self._scrub(_refused[0] if _refused else self._log.summary)}

    def _why_not(self, address: str) -> str:
        scheme, colon, _ = address.partition("://")
        if colon and scheme.lower() in ("http", "https"):
            kind = "jsons" if scheme.lower() == "https" else "json"
            return (
                f"No service is known at that address. For a webhook that takes JSON, begin it with"
                f" {kind}:// instead of {scheme.lower()}://."
            )
        return (
            "This is no address that can be used; see the examples for how each kind begins and"
            " what it needs."
        )


def type_name(error: Exception) -> str:
    return type(error).__name__


class _Log(logging.Handler):
    """What the library says about a failure: its own words are the real result."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._causes: list[str] = []
        logger = logging.getLogger("apprise")
        logger.handlers, logger.propagate = [self], False
        logger.setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.levelno >= logging.WARNING:
            self.lines.append(said)
        elif found := _CAUSE.findall(said):
            # Details hold whole addresses and answers; only what went wrong is taken from them.
            self.lines.append(str(found[-1]))

    @property
    def summary(self) -> str:
        return " ".join(dict.fromkeys(self.lines)) or "The service refused, and did not say why."


def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise

        # It loads its hundred kinds when one is first asked for; later, no file may be read.
        apprise.Apprise.instantiate("json://localhost")
    return apprise


def _scrubber(address: str, shown: set[str]) -> Callable[[str], str]:
    """A function that hides every part of the address but those that are shown anyway."""
    _, _, rest = address.partition("://")
    parts = {part for part in re.split(r"[/?&=@:#,;]+", rest) if len(part) >= _SHORTEST}
    parts |= {unquote(part) for part in parts}
    pattern = "|".join(re.escape(part) for part in sorted(parts - shown, key=len, reverse=True))

    def scrub(words: str) -> str:
        return re.sub(pattern, "[hidden]", words) if pattern else words

    return scrub


def _keep_in(guard: Guard) -> None:
    """From now on: no connection into the own network, no other program, no file but our own."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            _check_target(guard, arguments[1])
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
            _refuse("A message may start no program.")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not path.startswith(_READABLE):
                _refuse("A message may read no file of this machine.")

    sys.addaudithook(watch)


def _check_target(guard: Guard, target: Any) -> None:
    if not isinstance(target, tuple):
        _refuse("A message may not go to another process of this machine.")
    try:
        guard.check(str(target[0]))
    except Refused as error:
        _refuse(str(error))


def _refuse(why: str) -> None:
    _refused.append(why)
    raise PermissionError(why)


if __name__ == "__main__":
    main()
