"""The settling of jobs as a state machine, on a simulated server and a simulated database."""
