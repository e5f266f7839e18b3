"""Artifacts (bar snapshots, charts, prompts, answers): one file per kind of place."""

from backend.core.settings import Settings, settings
from backend.storage.base import Artifact, Storage

__all__ = ["Artifact", "Storage", "from_settings"]


def from_settings(given: Settings | None = None) -> Storage:
    """The S3 server where S3_ENDPOINT names one, else a folder under GLASSBOX_HOME."""
    chosen = settings() if given is None else given
    if chosen.s3_endpoint:
        # Here and not above: a process that keeps its files on disk never pays for this import.
        from backend.storage.minio import MinioStorage

        return MinioStorage.from_settings(chosen)
    from backend.storage.filesystem import FilesystemStorage

    return FilesystemStorage(chosen.home / "artifacts")
