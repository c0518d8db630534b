"""What people look at to say whom photos show, and what they have said there."""
