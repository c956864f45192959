"""The same scenarios, each with several players: ``testbed compare``."""
