"""Pure decisions: rule language, signal, sizing, limits. No input or output, no clock."""
