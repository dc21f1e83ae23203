"""The command line: argv → one flow → console. Only here is it known that there is a terminal."""
