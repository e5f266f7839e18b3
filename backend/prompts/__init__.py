"""Prompts as people change them: versions, labels, previews, and what each version did."""
