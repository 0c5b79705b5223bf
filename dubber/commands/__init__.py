"""The subcommands of `dubber`, one file each."""
