"""From a route table to Envoy's resources, in their JSON form; pure, one kind of resource a file."""
