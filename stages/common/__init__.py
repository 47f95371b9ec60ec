"""What every command stands on: errors, console, YAML files, parameters, paths, code fingerprints."""
