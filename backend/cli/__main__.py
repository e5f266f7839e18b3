"""`python -m backend.cli`, which is what the script `glassbox` runs."""

import sys

from rich.console import Console
from rich.text import Text

from backend.cli import app
from backend.core.errors import AppError


def main() -> None:
    try:
        app(prog_name="glassbox")
    except AppError as error:
        sentence = Text.assemble(("Error: ", "red"), error.message)
        Console(stderr=True).print(sentence, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
