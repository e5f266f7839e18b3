from typing import Annotated

import typer

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.web import audit, links, people


def link(
    name: Annotated[
        str | None, typer.Argument(help="Who signs in by it; this machine's user by default.")
    ] = None,
    new: Annotated[bool, typer.Option(help="Make the person, who is not known yet.")] = False,
) -> None:
    """Print a link that signs in a person, once and within the hour."""
    typer.echo(links.address(new_token(name, is_new=new)))


def new_token(name: str | None = None, *, is_new: bool = False) -> str:
    clock = SystemClock()
    with transaction() as session:
        if name is None:
            person = people.owner(session, clock)
        elif is_new:
            person = people.add(session, clock, name)
        else:
            person = people.get(session, name)
        audit.record(session, clock, actor="cli", action="person.link_made", subject=person.subject)
        return links.make(session, clock, person)
