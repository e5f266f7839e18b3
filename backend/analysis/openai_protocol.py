"""One question over the wire: the body we send, and every way it can come back."""

import base64
import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from backend.analysis.base import Request
from backend.analysis.schema import opinion_schema
from backend.core.redaction import redact_text

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

IMAGE_DETAIL = "high"
_MOST_BYTES = 5_000_000
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer as it came. Token counts are None where the server does not tell them."""

    text: str
    refusal: str | None
    finish_reason: str
    model: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """No answer. `code` is a reason code of `Answer`, `sentence` says what to do."""

    code: str
    sentence: str
    is_temporary: bool = False
    may_have_cost: bool = False
    """The model may have worked for an answer that never arrived."""
    wait_seconds: float | None = None
    """What the server asks us to wait before the next try."""


@cache
def client(api_key: str, base_url: str) -> "OpenAI":
    """
    The one client of this process: a new one per call costs 35 ms, against 2 ms.

    Its own retries are off: ours are counted, recorded and bounded together with repairs.
    """
    # Here and not above: the import takes 0.6 s, which commands and pages need not pay.
    from openai import OpenAI

    return OpenAI(api_key=api_key, base_url=base_url, max_retries=0)


def first_messages(request: Request) -> list[dict[str, Any]]:
    """The conversation so far. Without images the content is plain text, as every server reads."""
    content: Any = request.prompt
    if request.images:
        content = [{"type": "text", "text": request.prompt}, *map(_image, request.images)]
    return [
        {"role": "system", "content": request.system},
        {"role": "user", "content": content},
    ]


def _image(png: bytes) -> dict[str, Any]:
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return {"type": "image_url", "image_url": {"url": url, "detail": IMAGE_DETAIL}}


def body(request: Request, messages: list[dict[str, Any]], base_url: str) -> dict[str, Any]:
    """
    Arguments of a chat completion whose answer is an opinion.

    Chat completions rather than OpenAI's newer responses: Ollama, vLLM and LM Studio all hold a
    chat completion to a JSON schema, while their `/v1/responses` is partial or missing. OpenAI's
    reasoning models want the limit as `max_completion_tokens`, which Ollama ignores in silence
    (its issue 7125); everyone else reads `max_tokens`.
    """
    host = urlsplit(base_url).hostname or ""
    is_openai = host.endswith((".openai.com", ".openai.azure.com"))
    limit = "max_completion_tokens" if is_openai else "max_tokens"
    schema = {"name": "opinion", "strict": True, "schema": opinion_schema()}
    made: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": schema},
        limit: request.max_output_tokens,
    }
    if request.temperature is not None:
        made["temperature"] = request.temperature
    return made


def ask(client: "OpenAI", arguments: dict[str, Any], *, seconds: float) -> Reply | Failure:
    """
    One call, over within `seconds` (and one more read) whatever the server does.

    The body is read by ourselves: the SDK's time limit is per read, so that a server sending a
    blank now and then could hold a decision for ever, and a web page would pass as an answer.
    """
    import httpx2
    import openai

    place = str(client.base_url)
    timeout = httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    deadline = monotonic() + seconds
    create = client.chat.completions.with_streaming_response.create
    try:
        with create(**arguments, timeout=timeout) as response:
            return _read_reply(_read(response.iter_bytes(), deadline), place)
    except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError):
        return _too_slow(place, seconds)
    except openai.APIStatusError as error:
        return _refused_by_server(error, arguments["model"], place)
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        return _no_connection(error, place)


def _read(chunks: Any, deadline: float) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if monotonic() > deadline:
            raise TimeoutError
        if len(data) > _MOST_BYTES:
            # Cut off: it will not parse, which says enough.
            break
    return bytes(data)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Completion(BaseModel):
    """As little of a completion as we need: compatible servers leave out the rest."""

    model: str = ""
    choices: list[_Choice]
    usage: _Tokens | None = None


def _read_reply(data: bytes, place: str) -> Reply | Failure:
    try:
        completion = _Completion.model_validate_json(data)
        choice = completion.choices[0]
    except (ValidationError, IndexError):
        return Failure(
            code="outside_error",
            sentence=f"What answers at {place} does not speak the OpenAI protocol."
            " Check OPENAI_BASE_URL; it usually ends in /v1.",
            may_have_cost=True,
        )
    tokens = completion.usage
    return Reply(
        text=choice.message.content or "",
        refusal=choice.message.refusal,
        finish_reason=choice.finish_reason or "",
        model=completion.model,
        input_tokens=None if tokens is None else tokens.prompt_tokens,
        output_tokens=None if tokens is None else tokens.completion_tokens,
    )


def _too_slow(place: str, seconds: float) -> Failure:
    return Failure(
        code="timeout",
        sentence=f"The model at {place} did not answer within {seconds:g} s."
        " Raise OPENAI_TIMEOUT_SECONDS, or choose a faster model.",
        is_temporary=True,
        may_have_cost=True,
    )


def _no_connection(error: Exception, place: str) -> Failure:
    cause = error.__cause__ or error
    return Failure(
        code="outside_error",
        sentence=f"The connection to the model at {place} failed ({type(cause).__name__})."
        " Check OPENAI_BASE_URL and that the server runs.",
        is_temporary=True,
        # Broken while it was open, the question may have been answered to nobody.
        may_have_cost=type(cause).__name__ not in {"ConnectError", "ConnectTimeout"},
    )


def _refused_by_server(error: "APIStatusError", model: str, place: str) -> Failure:
    said = redact_text(_message(error))
    if error.status_code == 429 and error.code != "insufficient_quota":
        return Failure(
            code="rate_limited",
            sentence=f"The model's server asks us to slow down: {said}",
            is_temporary=True,
            wait_seconds=_wait(error),
        )
    if error.code in {"content_filter", "content_policy_violation"}:
        return Failure(code="refused", sentence=f"The model's server refused: {said}")
    is_temporary = error.status_code >= 500 or error.status_code in {408, 409}
    return Failure(
        code="outside_error",
        sentence=f"The model at {place} answered {error.status_code}: {said}"
        f"{_remedy(error, model)}",
        is_temporary=is_temporary,
        wait_seconds=_wait(error) if is_temporary else None,
    )


def _message(error: "APIStatusError") -> str:
    """The server's own sentence, one short line of it."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    text = said if isinstance(said, str) else json.dumps(error.body, default=str)
    return " ".join(text.split())[:300]


def _remedy(error: "APIStatusError", model: str) -> str:
    if error.code == "insufficient_quota":
        return " Add credit to the account behind OPENAI_API_KEY."
    return {
        401: " Check OPENAI_API_KEY.",
        403: " Check what OPENAI_API_KEY may do.",
        404: f" Check OPENAI_BASE_URL and that it serves a model named {model!r} (OPENAI_MODEL).",
    }.get(error.status_code, "")


def _wait(error: "APIStatusError") -> float | None:
    """Seconds, from `retry-after-ms` or `Retry-After` (a number or an HTTP date)."""
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    try:
        # Against the server's own clock: ours may differ.
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
