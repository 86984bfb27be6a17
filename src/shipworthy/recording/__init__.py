"""Recording: from the logs that answer traffic leaves to the Delta table of predictions and to counted windows."""
