"""Whole numbers as clients write them: in queries, paths and JSON, as text and as number."""

import re

_WHOLE = re.compile(r"[0-9]{1,10}")


def whole(written: object) -> int | None:
    """The number of `265598` and `"265598"`; None for anything else."""
    text = str(written)
    return int(text) if _WHOLE.fullmatch(text) else None


def conid(written: object) -> int | None:
    """The contract of `265598` or `265598@NASDAQ`: here all venues are one."""
    return whole(str(written).partition("@")[0])
