"""Addresses, headers and bodies as they cross the wire."""

import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from backend.papergateway import certificates
from backend.papergateway.running import RunningGateway, running_gateway


def test_answers_are_chunked_marked_and_uncompressed(client: httpx.Client) -> None:
    headers = client.get("/tickle").headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["transfer-encoding"] == "chunked"
    assert headers["x-glassbox-simulated"] == "true"
    assert not {"content-length", "content-encoding", "server", "date"} & headers.keys()


def test_the_simulation_says_so_where_clients_do_not_trip(client: httpx.Client) -> None:
    accounts = client.get("/iserver/accounts").json()
    assert accounts["simulated"] is True
    assert accounts["serverInfo"]["serverName"] == "PaperGateway"
    assert "simulated" in accounts["serverInfo"]["serverVersion"]


@pytest.mark.parametrize("path", ["/v1/api/tickle", "/v1/portal/tickle", "/v1/api/tickle/"])
def test_the_alias_and_trailing_slashes_are_good(
    gateway: RunningGateway, client: httpx.Client, path: str
) -> None:
    assert client.post(f"{gateway.url}{path}").status_code == 200


def test_unrouted_paths_are_html_below_v1_and_text_elsewhere(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    answer = client.post("/iserver/account/DU1234567/alert", json={})
    assert (answer.status_code, answer.headers["content-type"][:9]) == (404, "text/html")
    other = client.get(f"{gateway.url}/favicon.ico")
    assert (other.status_code, other.text) == (404, "Unknown path /favicon.ico")
    assert client.get(gateway.url).headers["location"].startswith("/sso/Login")


def test_the_certificate_is_good_for_both_names(gateway: RunningGateway) -> None:
    assert gateway.certificate is not None
    trusted = ssl.create_default_context(cafile=str(gateway.certificate))
    by_name = gateway.api_url.replace("127.0.0.1", "localhost")
    for url in (gateway.api_url, by_name):
        assert httpx.get(f"{url}/tickle", verify=trusted, trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{gateway.api_url}/tickle", trust_env=False)


def test_a_certificate_is_kept_and_its_key_is_private(tmp_path: Path) -> None:
    certificate, key = certificates.ensure(tmp_path / "state")
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert key.stat().st_mode & 0o777 == 0o600
    certificates.ensure(tmp_path / "state")
    assert x509.load_pem_x509_certificate(certificate.read_bytes()) == found


def test_plain_http_works_when_asked_for() -> None:
    with running_gateway(https=False) as gateway:
        assert httpx.get(f"{gateway.api_url}/tickle", trust_env=False).status_code == 200
