"""Bybit's v5 dialect of the simulated exchange, written from Bybit's public documentation (bybit-exchange/docs)."""
