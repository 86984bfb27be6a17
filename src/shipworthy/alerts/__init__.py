"""Alerts: telling somebody. Delivery to the log and to webhooks, retried and recorded."""
