//go:build conformance

package faults_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"chassis/clock"
	"chassis/faults"
)

func TestPassagesAreCountedAndSeen(t *testing.T) {
	var seen []string
	faults.Install(func(label, detail string) { seen = append(seen, label+"/"+detail) })
	defer faults.Install(nil)
	before := faults.Passages("here")
	faults.Point("here", "a")
	faults.Point("here", "b")
	if faults.Passages("here") != before+2 || len(seen) != 2 || seen[1] != "here/b" {
		t.Errorf("%v", seen)
	}
}

func TestClockIsShiftedByAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "offset")
	clock.Shift(faults.OffsetIn(file))
	defer clock.Shift(nil)
	if off := time.Until(clock.Now()); off > time.Second || off < -time.Second {
		t.Errorf("without a file the clock is off by %s", off)
	}
	if err := os.WriteFile(file, []byte("-3600\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for time.Until(clock.Now()) > -59*time.Minute {
		if time.Now().After(deadline) {
			t.Fatalf("the clock is off by %s", time.Until(clock.Now()))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
