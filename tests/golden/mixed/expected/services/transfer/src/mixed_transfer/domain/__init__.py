"""The rules of the business: aggregates and their decisions. Knows its messages and nothing of frameworks or stores."""
