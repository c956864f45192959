"""What is compiled, for captures too large for Python; everything works without it, only slower."""
