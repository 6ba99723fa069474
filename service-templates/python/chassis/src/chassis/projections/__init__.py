"""Tables that follow events: fed through the inbox, measured, and rebuilt from the topic."""
