"""What runs the layers: this process, or Ray actors."""
