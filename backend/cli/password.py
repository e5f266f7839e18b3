from typing import Annotated

import typer

from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.web import audit, people, sessions


def password(name: Annotated[str, typer.Argument(help="Whose password.")]) -> None:
    """Ask for a person's new password and set it; the person's sessions end."""
    clock = SystemClock()
    with transaction() as session:
        people.get(session, name)
    # Asked for and never taken from the command line, which other users of the machine can read.
    chosen = typer.prompt(f"New password of {name}", hide_input=True, confirmation_prompt=True)
    with transaction() as session:
        person = people.get(session, name)
        people.set_password(person, chosen)
        ended = sessions.revoke(session, clock, person)
        audit.record(
            session, clock, actor="cli", action="person.password_set", subject=person.subject
        )
    typer.echo(f"{name} can sign in by this password now. Sessions ended: {ended}.")
