"""The parts of ``python -m hpsearch.doctor``: facts about an installation, and checks of it."""
