// Package faults holds the labelled points at which a test may kill, stop or delay the process. Only a conformance
// build (build tag `conformance`) reads what to do there from its environment; in any other build a point is nothing.
package faults
