// Package rlimit is here for programs that were written for other hosts.
package rlimit

// RemoveMemlock does nothing: the host takes care of it.
func RemoveMemlock() error { return nil }
