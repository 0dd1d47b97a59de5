"""Records to events: the loop of a run, and typed events for Python."""
