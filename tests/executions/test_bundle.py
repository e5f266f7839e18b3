"""The export: whole, the same each time, and checked by nothing but Python."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.executions.test_run_page import artifact_file
from tests.support.live_engine import Engine, example
from tests.support.web_client import Api


@pytest.fixture
def execution_id(engine: Engine) -> int:
    return engine.run(example())[0].id


def unpacked(data: bytes, folder: Path) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        assert bundle.testzip() is None
        bundle.extractall(folder)
    document: dict[str, Any] = json.loads((folder / "records.json").read_text())
    return document


def verify(folder: Path) -> tuple[int, str]:
    """As its reader does it, with nothing of ours on the path."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py")],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def test_a_bundle_holds_everything_and_proves_itself(
    http: TestClient, execution_id: int, tmp_path: Path
) -> None:
    response = http.get(f"/executions/{execution_id}/export")
    assert response.headers["content-type"] == "application/zip"
    assert f"glassbox-execution-{execution_id}-AAPL.zip" in response.headers["content-disposition"]
    document = unpacked(response.content, tmp_path)
    named = {each["sha256"] for record in document["records"] for each in record["artifacts"]}
    assert len(document["records"]) == 13
    assert set(document["files"]) == named
    assert all((tmp_path / path).is_file() for path in document["files"].values())
    assert "simulated" in (tmp_path / "README.md").read_text()
    assert verify(tmp_path) == (
        0,
        "Intact: every record and every artifact is as it was written.",
    )


def test_the_same_execution_gives_the_same_bytes_by_page_and_api(
    http: TestClient, api: Api, execution_id: int
) -> None:
    first = http.get(f"/executions/{execution_id}/export").content
    again = http.get(f"/api/executions/{execution_id}/export", headers=api.headers).content
    assert first == again
    assert api.refused("GET", "/executions/4711/export", 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("records", 4, "reason"), "Record 4 (snapshot_account): its content was changed"),
        (("records", 4, "hash"), "Record 4 (snapshot_account): its content was changed"),
        (("records", 4, "sequence"), "Record 4 (snapshot_account): a record is missing"),
        (("execution", "asked", "symbol"), "Record 0 (preflight): it does not continue"),
        (("execution", "chain_head"), "the chain's head is another one"),
    ],
)
def test_any_change_is_found(
    http: TestClient, execution_id: int, tmp_path: Path, place: tuple[Any, ...], said: str
) -> None:
    document = unpacked(http.get(f"/executions/{execution_id}/export").content, tmp_path)
    inside: Any = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = 99 if place[-1] == "sequence" else "changed"
    (tmp_path / "records.json").write_text(json.dumps(document))
    code, told = verify(tmp_path)
    assert code == 1
    assert said in told


def test_a_record_cut_off_the_end_is_missed(
    http: TestClient, execution_id: int, tmp_path: Path
) -> None:
    document = unpacked(http.get(f"/executions/{execution_id}/export").content, tmp_path)
    del document["records"][-1]
    (tmp_path / "records.json").write_text(json.dumps(document))
    assert verify(tmp_path)[0] == 1


def test_a_changed_or_missing_file_is_found(
    http: TestClient, execution_id: int, tmp_path: Path
) -> None:
    document = unpacked(http.get(f"/executions/{execution_id}/export").content, tmp_path)
    first, second, *_ = document["files"].values()
    (tmp_path / first).write_bytes(b"{}")
    (tmp_path / second).unlink()
    code, told = verify(tmp_path)
    assert code == 1
    assert f"{first}: its content was changed." in told
    assert "its file is missing." in told


def test_an_artifact_that_was_lost_is_told_and_the_rest_exported(
    http: TestClient, engine: Engine, tmp_path: Path
) -> None:
    execution, records = engine.run(example())
    gone = records[2].artifacts[0]["sha256"]
    artifact_file(engine, gone).unlink()
    document = unpacked(http.get(f"/executions/{execution.id}/export").content, tmp_path)
    assert [each["sha256"] for each in document["lost"]] == [gone]
    code, told = verify(tmp_path)
    assert code == 1
    assert f"Artifact {gone}: it was lost before the export." in told
