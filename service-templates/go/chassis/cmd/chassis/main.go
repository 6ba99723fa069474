// The command chassis replays recorded decisions: chassis replay FILE …
//
// It exits with 0 when this chassis decides the same, with 1 when it does not, and with 2 when a file cannot be read or
// names something that is not known here.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"chassis/replay"
)

const shownMost = 10

func main() { os.Exit(run(os.Args[1:])) }

func run(arguments []string) int {
	if len(arguments) < 2 || arguments[0] != "replay" {
		fmt.Fprintln(os.Stderr, "usage: chassis replay FILE …")
		return 2
	}
	disagreements := 0
	for _, path := range arguments[1:] {
		tally, err := replay.File(path)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %s\n", path, err)
			return 2
		}
		for _, core := range slices.Sorted(maps.Keys(tally.Traces)) {
			fmt.Printf("%s: %d traces, %d steps\n", core, tally.Traces[core], tally.Steps[core])
		}
		for _, disagreement := range tally.Disagreements {
			if disagreements < shownMost {
				fmt.Printf("%s: %s\n", path, disagreement)
			}
			disagreements++
		}
	}
	if disagreements > 0 {
		fmt.Printf("%d disagreements\n", disagreements)
		return 1
	}
	return 0
}
