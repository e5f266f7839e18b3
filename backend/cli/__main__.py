"""`python -m backend.cli`, which is what the script `glassbox` runs."""

import sys

from rich.console import Console

from backend.cli import app
from backend.core.errors import AppError


def main() -> None:
    try:
        app(prog_name="glassbox")
    except AppError as error:
        Console(stderr=True).print(f"[red]Error:[/] {error.message}", markup=True, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
