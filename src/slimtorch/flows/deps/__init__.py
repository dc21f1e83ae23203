"""What ``slimtorch deps`` does, one module a command."""
