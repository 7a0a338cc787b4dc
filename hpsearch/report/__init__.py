"""What the records say: tables of a sweep. Imports neither torch nor Hydra."""
