"""What it takes to tell every change of a tag, and how soon it is told."""
