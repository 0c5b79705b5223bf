"""One file a rule, with its name: the artifact's schema, and the function that makes one shard of it.

This is the only room that knows of manifests, shards and failures. Every room below works on arrays and values.
"""
