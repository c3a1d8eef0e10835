"""The planner's steps, by what they are about."""
