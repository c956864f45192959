"""The scenario language: model, units, loading with line numbers, JSON Schema."""
