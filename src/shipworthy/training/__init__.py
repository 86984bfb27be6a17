"""Training: data pins and the cut, the run, and its rebuild from the record alone."""
