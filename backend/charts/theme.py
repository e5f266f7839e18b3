"""Colours and sizes of every chart, chosen to read well on white and, restyled, on black."""

PAPER = "#ffffff"
INK = "#1e2733"
MUTED = "#7a8594"
RULE = "rgba(128,140,158,0.17)"
"""Grid lines: half transparent, so that a dark page need not touch them."""
STRONG_RULE = "rgba(128,140,158,0.45)"

UP = "#0f9d76"
DOWN = "#e0464f"
UP_SOFT = "rgba(15,157,118,0.42)"
DOWN_SOFT = "rgba(224,70,79,0.42)"
UP_FAINT = "rgba(15,157,118,0.55)"
DOWN_FAINT = "rgba(224,70,79,0.55)"
WARNING = "#b45309"

OVERLAYS = ("#f08c00", "#2f6fed", "#9c36b5", "#0c8599", "#d6336c", "#66a80f")
OSCILLATORS = ("#7048e8", "#f08c00", "#0c8599", "#d6336c")
BAND = "#5c7cba"
BAND_FILL = "rgba(92,124,186,0.09)"
ZONE = "rgba(112,72,232,0.055)"

LEVELS = {
    "entry": ("#2f6fed", "solid"),
    "stop": ("#c92a2a", "solid"),
    "target": ("#087f5b", "solid"),
    "support": ("#0c8599", "dot"),
    "resistance": ("#b35c00", "dot"),
}

FONT = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
