"""REST: how the parts are, asked anew every few seconds at most."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.executions.health import Board
from backend.web.security import Reader

router = APIRouter(prefix="/api")


class PartOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    is_ready: bool
    is_needed: bool = Field(description="Without it nothing runs.")
    detail: str
    advice: str = Field(description="What a person can do about it; empty when it is ready.")
    seconds: float


class PartsOut(BaseModel):
    as_of: datetime
    parts: list[PartOut]


@router.get("/system/parts")
def get_parts(request: Request, _key: Reader) -> PartsOut:
    """Database, queue, storage, gateway, Beat, workers, trackers and analyst."""
    board: Board = request.app.state.health
    as_of, parts = board.ask()
    return PartsOut(as_of=as_of, parts=[PartOut.model_validate(part) for part in parts])
