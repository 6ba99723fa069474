"""Transfer.

Moving what is at hand.
"""
