"""An administrator at the Prefect UI: a browser, a server and a worker, real ones, and the cluster in a box."""
