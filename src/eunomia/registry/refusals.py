"""What a registry's refusal means, and what to do next."""

from __future__ import annotations

import json

from eunomia.registry.retry import asked
from eunomia.registry.transport import TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.transport import Response

MAX_ERROR = 64 << 10
MAX_TEXT = 200


def refusal(response: Response, registry: str) -> str:
    """Return one line for a status that was not expected, with what the registry says and what to do."""
    said = _said(response)
    tail = f": {said}" if said else ""
    status = response.status
    if status == 401:
        return f"401 unauthorized{tail} [ecli login {registry}]"
    if status == 403:
        return f"403 forbidden{tail} [ecli login {registry} as a user who may]"
    if status == 404:
        return f"404 not found{tail} [check the name and the tag; a private one needs ecli login {registry}]"
    if status == 429:
        seconds = asked(response.headers.get("Retry-After", ""))
        when = f"in {seconds:.0f} s" if seconds >= 0 else "later"
        return f"429 too many requests{tail} [try again {when}, or ecli login {registry} for a higher limit]"
    if status >= 500:
        return f"{status} {_reason(response)}{tail} [the registry is at fault: try again later]"
    if 300 <= status < 400:
        return f"{status} {_reason(response)}: a redirect that is not followed{tail}"
    return f"{status} {_reason(response)}{tail}"


def _reason(response: Response) -> str:
    return (response.reason or "status").lower()[:60]


def _said(response: Response) -> str:
    """Return code and message of the first error that the body lists, bounded; "" where it lists none."""
    try:
        errors = json.loads(response.read(MAX_ERROR))["errors"]
        first = errors[0]
        code, message = first.get("code", ""), first.get("message", "")
    except (TransportError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    words = " ".join(f"{code}: {message}".split()) if isinstance(code, str) and isinstance(message, str) else ""
    return words[:MAX_TEXT].strip(": ")
