"""Scoring: whole tables with the live release, streamed, held to the contract, logged and watched."""
