"""Scenario time for programs: one clock for the lab and for the servers and clients that run in it."""
