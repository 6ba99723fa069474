"""What is read by people and tools: diagnostics, plans, the architecture report. Renders, prints nothing."""
