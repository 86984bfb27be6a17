"""The demonstration: a year of real flights, replayed to a running server as the world would have sent them."""
