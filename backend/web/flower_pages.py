"""The way from our pages to the queue's monitor."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from backend.core.errors import NotFound
from backend.core.settings import settings
from backend.web.flower_sign_in import PAGE, ticket_address
from backend.web.returning import local_path

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def open_flower(next: Annotated[str | None, Query(max_length=2_000)] = None) -> Response:
    """Leads a person who is signed in here into Flower; raises `NotFound` where none is known."""
    url = settings().flower_url
    if not url:
        raise NotFound("Where Flower runs is not known here. Name its address in FLOWER_URL.")
    return RedirectResponse(ticket_address(url, local_path(next)), 303)
