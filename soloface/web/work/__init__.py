"""What a request is answered with."""
