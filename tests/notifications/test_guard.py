"""News does not go into the own network: not by address, name, answer or trick."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.core.errors import InvalidInput
from backend.notifications import sending
from backend.notifications.guard import Guard, Refused, is_public
from tests.support.news_servers import webhook

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "localhost"),
        *("", "1", "0x7f000001", "fe80::1%25eth0"),
    ],
)
def test_what_is_not_out_in_the_world_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(Refused, match="NOTIFY_PRIVATE_ADDRESSES=true"):
        Guard(allows_private=False).check(address)
    Guard(allows_private=True).check(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_the_world_is_reached(address: str) -> None:
    Guard(allows_private=False).check(address)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "::1"])
def test_a_name_counts_by_all_that_it_leads_to(host: str) -> None:
    with pytest.raises(Refused, match="own network"):
        Guard(allows_private=False).check_names([host])


@pytest.mark.parametrize(
    "address",
    [
        "json://127.0.0.1:8000/hook",
        "json://localhost/hook",
        "json://2130706433/hook",
        "jsons://[::1]/hook",
        "json://169.254.169.254/latest/meta-data",
        "mailto://ann:password@example.com?smtp=127.0.0.1",
        "gotify://10.0.0.1/token",
        "ntfy://192.168.1.1/topic",
        "matrix://ann:password@127.0.0.1/room",
    ],
)
def test_a_channel_into_the_own_network_is_refused(address: str, home: Path) -> None:
    with pytest.raises(InvalidInput, match="NOTIFY_PRIVATE_ADDRESSES=true") as raised:
        sending.place(address)
    assert raised.value.field == "address"


@pytest.mark.parametrize("address", ["syslog://", "dbus://", "gnome://", "SYSLOG://user"])
def test_kinds_that_reach_nobody_but_this_machine_are_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="reaches nobody but the machine"):
        sending.place(address)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://example.com/hook", "begin it with jsons:// instead of https://"),
        ("http://example.com/hook", "begin it with json:// instead of http://"),
        ("telegram://x", "see the examples"),
        ("slack://x", "see the examples"),
        ("json://no-such-name.invalid/x", "no-such-name.invalid leads nowhere"),
    ],
)
def test_an_address_that_leads_nowhere_says_what_to_do(address: str, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        sending.place(address)
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "Slack"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7F", "Slack"),
        ("tgram://123456789:abcdefg_hijklmnop-abcdefghijklmnopqr/12315544/", "Telegram"),
    ],
)
def test_a_service_with_tokens_shows_no_part_of_them(address: str, kind: str) -> None:
    assert sending.place(address) == sending.Place(kind=kind, host="")


def guarded(code: str) -> str:
    """What a process says that ran this within the guard of a sender."""
    return subprocess.run(
        [
            *(sys.executable, "-c"),
            "import socket, subprocess, os, requests\n"
            "from backend.notifications import sender\n"
            "from backend.notifications.guard import Guard\n"
            "sender._keep_in(Guard(allows_private=False))\n" + code,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stderr


def test_a_connection_is_checked_when_it_is_made_however_it_came_about() -> None:
    # As after a name that changed its address since it was looked at, or an answer that leads on.
    with webhook() as server:
        told = guarded(f"requests.post('http://localhost:{server.port}/', json={{}})")
        assert "own network" in told
        told = guarded(
            f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {server.port}))"
        )
        assert "own network" in told
        assert server.received == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('{path}').read()", "may read no file"),
        ("open('/etc/passwd').read()", "may read no file"),
        ("os.open('{path}', os.O_RDONLY)", "may read no file"),
        ("subprocess.run(['/bin/true'])", "may start no program"),
        ("os.system('true')", "may start no program"),
        ("socket.socket(socket.AF_UNIX).connect('/run/x.sock')", "another process of this machine"),
    ],
)
def test_a_sender_reads_no_file_and_starts_no_program(code: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("OPENAI_API_KEY=x")
    assert said in guarded(code.format(path=path))


def test_a_sender_knows_no_secret_and_no_proxy(
    set_env: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_env(HTTPS_PROXY="http://10.0.0.1:3128", OPENAI_API_KEY="sk-secret")
    seen: list[dict[str, str]] = []
    popen = subprocess.Popen

    def watch(*args: object, env: dict[str, str], **rest: object) -> object:
        seen.append(env)
        return popen(*args, env=env, **rest)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", watch)
    sending.place("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    [env] = seen
    known = {"PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}
    assert set(env) <= known | {"HOME", "PYTHONDONTWRITEBYTECODE"}
