"""Shipping.

Parcels and their way to the customer.
"""
