"""How rows and answers travel in HTTP bodies: the dialects that services speak, written and read."""
