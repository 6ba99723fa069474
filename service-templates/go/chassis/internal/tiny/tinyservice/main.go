// Command tinyservice runs one of the tiny services: tinyservice orders|watcher FLEET.
package main

import (
	"fmt"
	"os"

	"chassis/internal/tiny"
	"chassis/process"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: tinyservice orders|watcher FLEET")
		os.Exit(64)
	}
	make := tiny.Orders
	if os.Args[1] == "watcher" {
		make = tiny.Watcher
	}
	of, err := make(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(process.Run(of))
}
