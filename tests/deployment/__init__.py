"""What is checked of `deploy/`: the manifests, the Compose file and the nginx configuration."""
