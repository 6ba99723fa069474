"""Watch.

Seeing what happens.
"""
