"""What the controller needs of the world: Protocols, and errors typed by what to do about them."""
