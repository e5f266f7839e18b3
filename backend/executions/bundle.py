"""One execution as one file: its records, its artifacts, and what it takes to check them alone."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from backend.core.errors import AppError
from backend.executions import lineage
from backend.executions.models import Execution, LineageRecord
from backend.storage.base import Storage

VERSION = 1
_VERIFY = Path(__file__).with_name("bundle_verify.py")


def name(execution: Execution) -> str:
    """What the file is called; the symbol may hold characters that a file name must not."""
    symbol = "".join(each if each.isalnum() else "_" for each in execution.symbol)
    return f"glassbox-execution-{execution.id}-{symbol}.zip"


def stream(
    execution: Execution, records: Sequence[LineageRecord], strategy: str, storage: Storage
) -> Iterator[bytes]:
    """The zip in pieces, one artifact in memory at a time."""
    out = _Out()
    files = _files(records)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        _add(bundle, execution, "README.md", _readme(execution, strategy, records).encode())
        _add(bundle, execution, "verify.py", _VERIFY.read_bytes())
        lost = []
        for sha256, path in files.items():
            try:
                _add(bundle, execution, path, storage.get(sha256))
            except AppError as error:
                lost.append({"sha256": sha256, "why": error.message})
            yield out.taken()
        document = {**_document(execution, records), "files": files, "lost": lost}
        _add(bundle, execution, "records.json", json.dumps(document, indent=1).encode())
        yield out.taken()
    yield out.taken()


class _Out:
    """What has been written and not yet sent; a zip can be written without going back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing to let go of."""

    def taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _add(bundle: zipfile.ZipFile, execution: Execution, path: str, data: bytes) -> None:
    # The execution's own time: the same execution gives the same bundle.
    moment = (execution.finished_at or execution.created_at).astimezone(UTC)
    entry = zipfile.ZipInfo(path, moment.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    bundle.writestr(entry, data)


def _files(records: Sequence[LineageRecord]) -> dict[str, str]:
    """Hash -> path in the bundle; bytes that two steps name are there once."""
    files: dict[str, str] = {}
    for record in records:
        for artifact in record.artifacts:
            sha256 = artifact["sha256"]
            files.setdefault(
                sha256, f"artifacts/{record.step}/{sha256[:12]}_{Path(artifact['name']).name}"
            )
    return files


def _document(execution: Execution, records: Sequence[LineageRecord]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "execution": {
            "id": execution.id,
            "status": execution.status,
            "outcome": execution.outcome,
            "reason": execution.reason,
            "record_count": execution.record_count,
            "chain_head": execution.chain_head,
            "asked": lineage.asked(execution),
        },
        "records": [
            {
                **lineage.content_of(record),
                "previous_hash": record.previous_hash,
                "hash": record.hash,
            }
            for record in records
        ],
    }


def _readme(execution: Execution, strategy: str, records: Sequence[LineageRecord]) -> str:
    simulated = "\nIts prices and its account are simulated.\n" if execution.is_simulated else ""
    outcome = execution.outcome or execution.status
    return f"""# Execution {execution.id}: {execution.symbol}, {strategy}

Outcome: {outcome}. {execution.reason or ""}
{simulated}
## What is here

- `records.json`: what was asked for, and {len(records)} records, one per attempt at a step, in
  order. Each has what the step was given (`input`), what it found (`output`), the artifacts it
  made, its cost, its time, and the hash that chains it to the record before.
- `artifacts/STEP/`: bars, series, charts and conversations, byte for byte. A file's name begins
  with its SHA-256; `files` in `records.json` has the whole one.
- `verify.py`: checks all of it with nothing but Python.

## How to verify

    python3 verify.py

It computes every hash again, from what was asked to the last record, and every file's. A record's
hash is the SHA-256 of its JSON with `previous_hash` and without `hash`: keys sorted, no blanks,
UTF-8, whole floats written as integers. The first record continues the hash of `asked`. To know
that the whole bundle was not made anew, compare `chain_head` with the page of the execution.
"""
