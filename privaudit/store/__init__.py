"""The files of an audit: written whole or not at all, presence means done."""
