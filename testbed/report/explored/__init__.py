"""What ``testbed explore`` has found: as a matrix for people, as Markdown, as JSON."""
