"""The version, also where the package runs from its source and is not installed."""

VERSION = "0.1.0"
