"""Checks an exported execution with nothing but Python: `python3 verify.py` beside its files."""

import hashlib
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any


def breaks(folder: Path) -> list[str]:
    """What is wrong, in sentences; nothing when all is as it was written."""
    document = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    return [*_chain_breaks(document), *_file_breaks(folder, document)]


def _chain_breaks(document: dict[str, Any]) -> list[str]:
    execution, records = document["execution"], document["records"]
    expected = _digest(execution["asked"])
    for position, record in enumerate(records):
        where = f"Record {position} ({record['step']})"
        if record["sequence"] != position:
            return [f"{where}: a record is missing before it."]
        if record["previous_hash"] != expected:
            return [f"{where}: it does not continue the hash before it."]
        if (
            _digest({key: value for key, value in record.items() if key != "hash"})
            != record["hash"]
        ):
            return [f"{where}: its content was changed after it was written."]
        expected = record["hash"]
    if execution["record_count"] != len(records) or execution["chain_head"] != expected:
        return ["The last records are missing, or the chain's head is another one."]
    return []


def _file_breaks(folder: Path, document: dict[str, Any]) -> list[str]:
    named = {each["sha256"] for record in document["records"] for each in record["artifacts"]}
    lost = {each["sha256"]: each["why"] for each in document["lost"]}
    found = []
    for sha256 in sorted(named):
        path = folder / document["files"].get(sha256, "")
        if sha256 in lost:
            found.append(f"Artifact {sha256}: it was lost before the export. {lost[sha256]}")
        elif not path.is_file():
            found.append(f"Artifact {sha256}: its file is missing.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            found.append(f"{path.relative_to(folder)}: its content was changed.")
    return found


def _digest(value: Any) -> str:
    text = json.dumps(
        _normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _normal(value: Any) -> Any:
    """Whole floats as integers: the database gives some of them back as such."""
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    return value


def main() -> int:
    found = breaks(Path(__file__).parent)
    for sentence in found:
        sys.stdout.write(f"Broken. {sentence}\n")
    if not found:
        sys.stdout.write("Intact: every record and every artifact is as it was written.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
