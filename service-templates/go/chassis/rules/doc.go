// Package rules holds what the chassis decides, apart from database, broker and clock: every function takes a state and
// what happened, and returns the next state and what is to be done. Each chassis, whatever its language, decides the same;
// recorded decisions are replayed against this package by "chassis replay".
//
// Times are arguments. Durations between tries are whole milliseconds; chance is an argument, too.
package rules
