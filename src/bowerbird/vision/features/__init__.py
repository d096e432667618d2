"""What a network's layers respond to."""
