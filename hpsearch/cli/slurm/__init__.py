"""Hydra launcher ``slurm``: stacks of runs are the tasks of a job array."""
