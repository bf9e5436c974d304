"""Pure. How a caller that speaks one dialect talks with a provider that speaks the other.

By the tables of protocol.md 2.1 to 2.3, in both pairings and both directions, inside items
and responses too. What differs is told once, in `shapes`, `items`, `errors` and
`protocol.names`, and read forwards or backwards; `beta_caller` and `ga_caller` hold what
does not match one to one. `between` chooses.

Frames that mean the same in both dialects pass as they are, byte for byte; so does
whatever is not JSON, which the other end will answer itself. What a caller asks for and the
provider's dialect has no place for is left out, and said by an `error` event that names it.
What a provider tells and the caller's dialect has no name for stays under the name it has:
callers must ignore what they do not know.
"""
