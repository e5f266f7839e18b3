"""Browser forms whose fields are not known by name beforehand."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

MOST_FIELDS = 500


async def _fields(request: Request) -> dict[str, str]:
    form = await request.form(max_files=5, max_fields=MOST_FIELDS)
    fields = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            file = value
            value = (await file.read()).decode(errors="replace")
            await file.close()
        fields[name] = value
    return fields


FieldsDep = Annotated[dict[str, str], Depends(_fields)]
"""Every field by name, a file as its text; of several with one name the last."""
