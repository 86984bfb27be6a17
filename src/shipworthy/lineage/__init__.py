"""What a run was made from (code, data, environment), as frozen records, and the signed statements about it."""
