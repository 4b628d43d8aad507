"""Targets as data, turned into a target exposure per asset and explained."""
