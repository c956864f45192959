"""The hosts of a lab, one file per kind."""
