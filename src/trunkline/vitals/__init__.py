"""Pure. What each process tells of itself, and what is made of it.

    process ─ `publisher`: every second ─▶ run/<name>.vitals ─ `files` ─▶ `fleet`
                                                                            ├─ `ready`
                                                                            ├─ `exposition`
                                                                            └─ the System page

Any process can read the files of all, so `/live`, `/ready` and `/metrics` (`desk`) are
answered by every gateway process, with or without a server.

To add a number: give it a field with a default in `figures`, fill it where the object lives
that knows it (`relay.vitals`, `journal.writer`, `recorder.run`, `wiring`), name it in
`exposition` and in docs/reference/observability.md; a test compares the two.

To add a reason to `/ready`: if calls go on, a `Check` in a table of `ready`; if new calls are
refused, a code in `ready.REFUSING`, and `Gateway.refusing` returns it. The code becomes
the label of `trunkline_alarm`, and has its row in docs/reference/observability.md too.
"""
