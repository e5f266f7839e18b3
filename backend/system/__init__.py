"""The machine itself: its parts, its settings, who changed what."""
