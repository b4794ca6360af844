"""Programs that we send to the control node: standard library only, Python 3.8 or newer."""
