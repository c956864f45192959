"""The private network: namespace, wire, packet faults, scenario time."""
