"""What it costs to match recorded faces again."""
