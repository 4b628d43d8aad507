"""The journal: an append-only, hash-chained record of everything that happened and was decided.

It is generic over its payload: records are opaque bytes with a kind, encoded and decoded by the caller.
`store` is the port, `sqlite` the durable implementation, `memory` the one for tests and simulations.
"""
