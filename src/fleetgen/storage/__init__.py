"""What a service keeps in its database, and how a change of the specification gets there without a stop."""
