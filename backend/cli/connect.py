"""How a command finds the stack that runs on this machine."""

import os

from backend.core.settings import settings
from backend.embedded.stack_file import StackFile


def join_running_stack() -> bool:
    """
    Let this process's settings point at the running stack, where the user's do not point elsewhere.

    Returns whether a stack runs.
    """
    document = StackFile(settings().home.absolute()).read()
    if document is None:
        return False
    for name, value in document["environment"].items():
        if not os.environ.get(name):
            os.environ[name] = value
    settings.cache_clear()
    return True
