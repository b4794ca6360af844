"""What the administrator of the Prefect server runs by hand: its clusters, its automations, the end of a worker."""
