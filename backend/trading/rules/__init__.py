"""The rule language: `crosses_above(sma_20, sma_50) and rsi_14 < 70`."""

from backend.trading.rules.alignment import align
from backend.trading.rules.explanation import Finding
from backend.trading.rules.functions import Function, functions
from backend.trading.rules.parser import MAX_LENGTH, parse
from backend.trading.rules.rule import Rule

__all__ = ["MAX_LENGTH", "Finding", "Function", "Rule", "align", "functions", "parse"]
