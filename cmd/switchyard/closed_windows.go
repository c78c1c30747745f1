package main

import "io"

// isClosed reports nothing here: what is written to a closed output fails.
func isClosed(io.Writer) bool { return false }
