"""What stands in front of a program and stages the faults that a scenario has at its server side."""
