"""The trackers: TensorBoard, MLflow, Weights & Biases and CSV files.

In: runs that have a record, whoever trained them. Out: a run for each in a tracker, and what was written in the
sweep's folder ``trackers/``. May import: record, and the files beside the wings; neither torch nor Hydra. The package
of a tracker is imported when the first run is written.
"""
