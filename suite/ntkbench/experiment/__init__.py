"""What may be run: tasks, their claims, metrics and tiers, found and planned."""
