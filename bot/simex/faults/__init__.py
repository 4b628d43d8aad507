"""Faults: what goes wrong between an exchange and its clients, when, for whom, and a log of it that replays."""
