"""Whether what one schema writes can be read with another: bounded, never raising on what a registry holds.

Pure, but for Protobuf: its compiler is a process, whose answer depends on the schemas alone.
"""
