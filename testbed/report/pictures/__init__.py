"""Pictures of a trace for elsewhere: the way of the mail, ladders; as SVG, Mermaid and plain text."""
