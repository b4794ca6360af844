"""What reaches out: settings with secrets, and one door (`get_client`) to each system."""
