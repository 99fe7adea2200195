"""The machine that edge-emotion runs on: its sensors, clock, name, packages, and throttling by heat."""
