"""`python -m backend.cli`, which is what the script `glassbox` runs."""

import sys

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from backend.cli import app
from backend.core.errors import AppError


def main() -> None:
    try:
        app(prog_name="glassbox")
    except AppError as error:
        _complain(error.message)
    except ValidationError as error:
        # The settings: every other input is checked where it comes in.
        for fault in error.errors(include_url=False, include_input=False):
            _complain(f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}.")
    except KeyboardInterrupt:
        sys.exit(130)
    else:
        return
    sys.exit(1)


def _complain(sentence: str) -> None:
    Console(stderr=True).print(Text.assemble(("Error: ", "red"), sentence), soft_wrap=True)


if __name__ == "__main__":
    main()
