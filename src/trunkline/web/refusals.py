"""Pure. How the web says no: a status, a code for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trunkline.errors import TrunklineError


class Refusal(TrunklineError):
    """A request that is not answered as it was asked. The message may be shown."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "bad_request"

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})


class BadRequest(Refusal):
    """A parameter is not what it must be."""


class NoCredential(Refusal):
    """401: no key, a wrong one, or nobody is signed in."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class SignInNeeded(Refusal):
    """A page that only members see. Browsers are sent to the sign-in page."""

    status = 401
    type = "authentication_error"
    code = "sign_in_needed"


class NotAllowed(Refusal):
    """403: known, but may not do this."""

    status = 403
    type = "permission_error"
    code = "not_allowed"


class ForgedRequest(Refusal):
    """403: the request does not come from a page of ours."""

    status = 403
    type = "permission_error"
    code = "csrf"


class NotFound(Refusal):
    """404: not there, or another organisation's: the two are told the same."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class StillLive(Refusal):
    """409: a call that is going on cannot be erased, and has no trace yet."""

    status = 409
    code = "call_is_live"


class Over(Refusal):
    """409: a call that is over cannot be ended, or listened to, any more."""

    status = 409
    code = "call_is_over"


class Unsatisfiable(Refusal):
    """416: the range that was asked for is not in the file."""

    status = 416
    code = "range_not_satisfiable"


class Damaged(Refusal):
    """500: what was sealed is not what is there."""

    status = 500
    type = "server_error"
    code = "archive_damaged"


class TooBusy(Refusal):
    """503: not now."""

    status = 503
    type = "server_error"
    code = "unavailable"
