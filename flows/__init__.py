"""Prefect flows for the PortSIP Data Flow server of a PBX High-Availability cluster."""
