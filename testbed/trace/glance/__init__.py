"""Connections that went alike."""
