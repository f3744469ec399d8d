"""Every model of the lectures, one file for each family, built from nn and ops."""
