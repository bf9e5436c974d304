"""Pure. Helicone's tables and columns, and our fields: data for `helicone_filter`.

All that its filter leaves can name is here, be it under a field of ours or with why there is none.
"""

from __future__ import annotations

from typing import Final

from trunkline.store.facts.catalogue import PROPERTY, SCORED

COLUMNS: Final = {
    "request_id": "id",
    "response_id": "id",
    "id": "id",
    "request_created_at": "opened_at",
    "created_at": "opened_at",
    "response_created_at": "ended_at",
    "user_id": "user",
    "user_user_id": "user",
    "model": "model",
    "request_model": "model",
    "response_model": "model",
    "body_model": "model",
    "model_override": "model",
    "modeloverride": "model",
    "provider": "provider",
    "status": "helicone_status",
    "response_status": "helicone_status",
    "latency": "call.wait_p50",
    "time_to_first_token": "call.wait_p50",
    "cost": "call.cost",
    "total_cost": "call.cost",
    "prompt_tokens": "tokens.input",
    "completion_tokens": "tokens.output",
    "total_tokens": "tokens.total",
    "body_tokens": "tokens.total",
    "prompt_cache_read_tokens": "tokens.cached",
    "target_url": "provider_url",
    "request_body": "said.input",
    "prompt": "said.input",
    "response_body": "said.output",
    "body_completion": "said.output",
    "rating": "feedback",
    "helicone-score-feedback": "feedback",
    "scores_column": "scores",
    "tag": "tag",
    "session_session_id": "session",
    "session_session_name": "session_name",
    "session_tag": "session.tag",
    "session_total_cost": "session.cost",
    "session_total_tokens": "session.total_tokens",
    "session_prompt_tokens": "session.input_tokens",
    "session_completion_tokens": "session.output_tokens",
    "session_total_requests": "session.calls",
    "session_created_at": "session.first_at",
    "session_latest_request_created_at": "session.last_at",
    "helicone-session-id": "session",
    "helicone-session-name": "session_name",
    "helicone-session-path": "session_path",
    "property_key": "property_names",
    "property_value": "property_values",
    "prompt_id": PROPERTY + "Helicone-Prompt-Id",
}
"""Lower case. They mean the same in whichever table they are, but for those of `OF_TABLE`."""

_OF_USERS: Final = {
    "active_for": "user.days",
    "first_active": "user.first_at",
    "last_active": "user.last_at",
    "total_requests": "user.calls",
    "average_requests_per_day_active": "user.calls_per_day",
    "average_tokens_per_request": "user.tokens_per_call",
    "total_completion_tokens": "user.output_tokens",
    "total_prompt_tokens": "user.input_tokens",
    "cost": "user.cost",
}
_OF_KEYS_AND_VALUES: Final = {"key": "property_names", "value": "property_values"}
OF_TABLE: Final[dict[str, dict[str, str]]] = {
    "users_view": {**_OF_USERS, **{f"user_{name}": field for name, field in _OF_USERS.items()}},
    "user_metrics": _OF_USERS,
    "feedback": {"created_at": "feedback_at"},
    "properties_v3": _OF_KEYS_AND_VALUES,
    "properties_table": _OF_KEYS_AND_VALUES,
    "user_api_keys": {"api_key_name": "key_name"},
    "request_response_search": {
        "request_body_vector": "said.input",
        "response_body_vector": "said.output",
    },
}
"""Columns that mean something else in these tables, or are in no other."""

NAMED: Final = {"properties": PROPERTY, "search_properties": PROPERTY, "scores": SCORED}
"""Columns that hold others, by name."""
OF_PROPERTIES: Final = frozenset({"properties", "values"})
"""Tables whose columns are the properties themselves."""
TABLES: Final = frozenset(
    {
        "request_response_rmt",
        "request_response_log",
        "request_response_versioned",
        "sessions_request_response_rmt",
        "request",
        "response",
        "score_value",
        "property_with_response_v1",
        "organization_properties",
        *OF_TABLE,
        *OF_PROPERTIES,
    }
)

_YOURS: Final = "an answer holds your own organisation's calls and no others"
_NO_CACHE: Final = "a conversation is not answered from a cache; cached tokens are a column"
_NO_JOBS: Final = "realtime calls are no part of Helicone's jobs"
_NO_PROMPTS: Final = (
    "prompts are not kept here; send Helicone-Property-Prompt, and filter by that property"
)
MISSING: Final = {
    "organization_id": _YOURS,
    "org_id": _YOURS,
    "auth_hash": "keys are told by their ids and names, not by what they are checked with",
    "api_key_hash": "keys are told by their ids and names, not by what they are checked with",
    "country_code": "nobody looks up where an address is",
    "path": "they are all at the same path",
    "threat": "nothing is moderated",
    "assets": "images are in the archive, not in a store of assets",
    "prompt_cache_write_tokens": "the Realtime API bills no writing to its cache",
    "cache_enabled": _NO_CACHE,
    "cached": _NO_CACHE,
    "cache_reference_id": _NO_CACHE,
    "node_id": _NO_JOBS,
    "job_id": _NO_JOBS,
    "prompt_version": _NO_PROMPTS,
}
"""Columns that calls cannot have, and why."""
MISSING_TABLES: Final = {
    "cache_hits": _NO_CACHE,
    "cache_metrics": _NO_CACHE,
    "job": _NO_JOBS,
    "job_node": _NO_JOBS,
    "prompt_v2": _NO_PROMPTS,
    "prompts_versions": _NO_PROMPTS,
    "experiment": "there are no experiments; cohorts are compared by POST /v1/compare",
    "experiment_hypothesis_run": (
        "there are no experiments; cohorts are compared by POST /v1/compare"
    ),
    "rate_limit_log": "a call that a limit refuses is a call: ask for status 429",
}
"""The same for whole tables."""
