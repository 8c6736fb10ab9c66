"""What is done to leads and calls. Each function is one transaction and takes the time as an argument."""
