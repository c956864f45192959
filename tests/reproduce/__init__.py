"""Captures that become scenarios."""
