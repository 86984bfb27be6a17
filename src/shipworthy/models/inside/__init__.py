"""What runs inside the user's environment: the standard library, numpy, and whatever the user's lock holds."""
