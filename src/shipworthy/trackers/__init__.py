"""What stands in the ledger, told to the tracker that a team already has: MLflow, Weights & Biases."""
