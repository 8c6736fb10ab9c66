"""A phone company and its people, for demos, dry runs, tests and load. Speaks the carrier's public protocol."""
