"""What to run: strategies, their immutable versions, and versioned prompts."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.analysis.prompt_variables import PromptKind
from backend.core.database import Model
from backend.workflow.settings import PromptLabel


class Strategy(Model):
    """
    The name under which versions are saved; `next_due_at` is what the dispatcher claims by.

    An archived strategy keeps its executions readable and never runs again.
    """

    __tablename__ = "strategies"
    __table_args__ = (
        Index(
            "strategies_due",
            "next_due_at",
            postgresql_where=text("is_enabled AND archived_at IS NULL AND next_due_at IS NOT NULL"),
        ),
        Index(
            "strategies_one_name", "name", unique=True, postgresql_where=text("archived_at IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_enabled: Mapped[bool]
    next_due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    version_number: Mapped[int]
    """The number of the version that runs: the newest."""

    versions: Mapped[list["StrategyVersion"]] = relationship(
        back_populates="strategy", lazy="raise", order_by="StrategyVersion.number"
    )


class StrategyVersion(Model):
    __tablename__ = "strategy_versions"
    __table_args__ = (UniqueConstraint("strategy_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    strategy_id: Mapped[int] = mapped_column(ForeignKey("strategies.id"))
    number: Mapped[int]
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]

    strategy: Mapped[Strategy] = relationship(back_populates="versions", lazy="raise")


class Prompt(Model):
    __tablename__ = "prompts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[PromptKind] = mapped_column(String)
    created_at: Mapped[datetime]

    versions: Mapped[list["PromptVersion"]] = relationship(
        back_populates="prompt", lazy="raise", order_by="PromptVersion.number"
    )
    labels: Mapped[list["PromptLabelRow"]] = relationship(
        lazy="raise", order_by="PromptLabelRow.label"
    )


class PromptVersion(Model):
    __tablename__ = "prompt_versions"
    __table_args__ = (UniqueConstraint("prompt_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"))
    number: Mapped[int]
    template: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]

    prompt: Mapped[Prompt] = relationship(back_populates="versions", lazy="raise")


class PromptLabelRow(Model):
    """Which version a label stands at; `production` is the one that runs."""

    __tablename__ = "prompt_labels"

    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), primary_key=True)
    label: Mapped[PromptLabel] = mapped_column(String(16), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("prompt_versions.id"))
    moved_at: Mapped[datetime]
    moved_by: Mapped[str]

    version: Mapped[PromptVersion] = relationship(lazy="raise")
