from pathlib import Path

import pytest

from backend.brokers.base import SessionStatus
from backend.brokers.client_portal.tls import verification
from backend.core.errors import InvalidInput
from backend.papergateway import certificates
from tests.brokers.conftest import MakeBroker


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:5000",
        "https://localhost:5000",
        "https://[::1]:5000",
        "http://127.0.0.1:5000",
        "https://127.8.8.8",
    ],
)
def test_on_this_machine_no_certificate_is_needed(url: str) -> None:
    assert verification(url, None) is False


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://gateway.example:5000", "IBKR_GATEWAY_CERTIFICATE"),
        ("https://10.0.0.5:5000", "IBKR_GATEWAY_CERTIFICATE"),
        ("https://127.0.0.1.example", "IBKR_GATEWAY_CERTIFICATE"),
        ("http://gateway.example:5000", "unencrypted"),
        ("gateway.example:5000", "https://host:port"),
        ("ftp://127.0.0.1", "https://host:port"),
    ],
)
def test_beyond_this_machine_nobody_is_believed_without_proof(url: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        verification(url, None)
    assert caught.value.field in ("ibkr_gateway_url", "ibkr_gateway_certificate")


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "gateway.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InvalidInput, match=r"gateway\.pem") as caught:
        verification("https://127.0.0.1:5000", file)
    assert caught.value.field == "ibkr_gateway_certificate"


def test_a_gateway_with_another_certificate_is_not_spoken_to(
    make_broker: MakeBroker, tmp_path: Path
) -> None:
    another, _ = certificates.ensure(tmp_path)
    session = make_broker(certificate=another).session()
    assert session.status is SessionStatus.UNREACHABLE
    assert "another certificate" in session.detail


def test_the_pinned_certificate_is_believed(make_broker: MakeBroker) -> None:
    assert make_broker().session().status is SessionStatus.READY
