"""Taking jobs from JetStream and answering them."""
