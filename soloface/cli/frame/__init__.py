"""What all commands share: their list, their settings, what they print and how they fail."""
