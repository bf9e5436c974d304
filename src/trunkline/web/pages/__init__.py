"""I/O. The dashboard: server-rendered pages for people.

`create_app(deps, pages.ROUTERS, pages.problem_page)` has them.
"""

from __future__ import annotations

from trunkline.web.pages import accounts, call, calls, keys, sessions, static
from trunkline.web.pages.problems import problem_page

ROUTERS = (
    static.router,
    accounts.router,
    keys.router,
    calls.router,
    call.router,
    sessions.router,
)

__all__ = ["ROUTERS", "problem_page"]
