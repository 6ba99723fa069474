//go:build !conformance

package faults

// Point is a place where a crash must do no harm. The detail is the topic or the type of what is in hand.
func Point(string, string) {}
