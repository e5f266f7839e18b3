"""What kind of bytes each artifact is."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.executions.models import ArtifactRow
from backend.storage.base import Artifact


def remember(session: Session, artifacts: list[Artifact], now: datetime) -> None:
    """The same bytes under the same name are remembered once, however many steps made them."""
    if not artifacts:
        return
    rows = {
        artifact.sha256: {
            "sha256": artifact.sha256,
            "content_type": artifact.content_type,
            "size": artifact.size,
            "created_at": now,
        }
        for artifact in artifacts
    }
    session.execute(insert(ArtifactRow).values(list(rows.values())).on_conflict_do_nothing())
