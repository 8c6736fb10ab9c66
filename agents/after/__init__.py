"""What is known once a call is over, from its transcript, its last state and its outcome. Pure: rules, and beside
them what a model adds, where one is configured.
"""
