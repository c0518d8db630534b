"""What is known of photos in PostgreSQL: their faces, matches, outcomes and decisions."""
