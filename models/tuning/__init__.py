"""The search for a recipe's best settings, without the test part."""
