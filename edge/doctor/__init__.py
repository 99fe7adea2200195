"""Says whether this machine would run the service, and how to mend what is wrong."""
