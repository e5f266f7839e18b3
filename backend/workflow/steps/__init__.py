"""The steps an execution is made of. To add one, add one file here and name it in the plan."""

from backend.core.registry import import_siblings
from backend.workflow.steps.base import Step, Tools, steps

import_siblings(__name__, __path__)

__all__ = ["Step", "Tools", "steps"]
