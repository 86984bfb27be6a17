"""Online serving: workers that validate, predict, log and then answer, and the supervisor that holds their sockets."""
