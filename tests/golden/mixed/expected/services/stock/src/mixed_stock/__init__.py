"""Stock.

What is there.
"""
