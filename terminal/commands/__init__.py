"""One subcommand a file: NAME, HELP, configure(parser), run(args) -> exit code."""
