"""What a process tells of itself: metrics of its surroundings, probes, traces."""
