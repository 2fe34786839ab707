"""What the engine is measured against: a raw flood without an engine, and an afternoon's script."""
