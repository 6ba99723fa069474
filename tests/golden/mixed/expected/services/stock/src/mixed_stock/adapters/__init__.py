"""Where the service meets the world: repositories, and the composition of everything."""
