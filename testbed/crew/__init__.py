"""Who does much work at a time: processes of this machine, or the workers of a cluster."""
