"""The life of runs beyond one process: state files, detached runs, their logs, pins, and what a crash left."""
