"""The durable retraining loop: when a refresh is due, and its steps, each of which happens once even when killed."""
