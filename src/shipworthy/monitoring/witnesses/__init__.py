"""Witnesses: ways of betting that production has moved. Each bets on a window knowing only those before it."""
