"""Payment.

Taking money for orders.
"""
