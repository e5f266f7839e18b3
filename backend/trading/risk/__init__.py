"""Limits on an order. To add one, add one file here: its settings join `risk` by themselves."""

from backend.core.registry import import_siblings
from backend.trading.risk.base import RiskRule, Verdict, rules
from backend.trading.risk.proposal import Book, Level, Past, Proposal, Tally

import_siblings(__name__, __path__)

__all__ = ["Book", "Level", "Past", "Proposal", "RiskRule", "Tally", "Verdict", "rules"]
