"""The page: live release and its evidence, traffic against the SLA, drift evidence, quality, and what happened when."""
