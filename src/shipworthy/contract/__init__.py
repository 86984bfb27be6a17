"""What is promised: the contract, its reading, its comparison with an older one, and a proposal from a sample."""
