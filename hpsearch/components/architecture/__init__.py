"""Architectures: ``architecture=``, nets and scikit-learn's classifiers."""
