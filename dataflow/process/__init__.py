"""What one process needs around its work: health, logs, metrics, threads, its end."""
