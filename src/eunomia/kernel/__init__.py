"""Live BPF objects: maps, programs, links."""
