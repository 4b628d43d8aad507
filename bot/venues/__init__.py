"""Exchanges at the edge: feeds, gateways and snapshots behind small protocols."""
