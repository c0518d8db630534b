"""What is published: dead letters, events, jobs."""
