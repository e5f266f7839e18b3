"""Limits on an order. To add one, add one file here: its settings join `risk` by themselves."""

from backend.core.registry import import_siblings
from backend.trading.risk.base import Proposal, RiskRule, Verdict, rules

import_siblings(__name__, __path__)

__all__ = ["Proposal", "RiskRule", "Verdict", "rules"]
