"""
The simulated market of the paper gateway: `Market` answers for bars, quotes and sessions.

Everything here is a pure function of seed, symbol and moment; no clock, no network, no state.
"""

from backend.papergateway.prices.bars import PaperBar
from backend.papergateway.prices.calendar import Session
from backend.papergateway.prices.instruments import Instrument
from backend.papergateway.prices.market import Market
from backend.papergateway.prices.path import Minutes
from backend.papergateway.prices.quotes import PaperQuote
from backend.papergateway.prices.seconds import Part, Seconds

__all__ = [
    "Instrument",
    "Market",
    "Minutes",
    "PaperBar",
    "PaperQuote",
    "Part",
    "Seconds",
    "Session",
]
