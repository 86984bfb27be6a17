"""Recording: from the logs that answer traffic leaves to the Delta table of predictions and to counted windows."""

from shipworthy.recording.middleware import RecordPredictions

__all__ = ["RecordPredictions"]
