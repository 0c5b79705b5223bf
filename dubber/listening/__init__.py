"""The listening test: its definition, pages, server and answers."""
