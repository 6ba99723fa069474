"""Check.

Saying no in time.
"""
