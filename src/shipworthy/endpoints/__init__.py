"""Endpoints that answer already, whoever made them: held to a contract's schema and SLA from outside."""
