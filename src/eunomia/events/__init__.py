"""From records to output: runs, readers, typed events."""
