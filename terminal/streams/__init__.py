"""CoAP over streams as a client: one connection a way, which is closed when the way is."""
