"""Where concrete classes are named: one file a process or a command, each binding the layers below into one whole."""
