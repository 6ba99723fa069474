// Package identity makes identifiers that sort by the time they were made.
package identity

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/google/uuid"

	"chassis/clock"
)

// New is a UUID of version 7: 48 bits of milliseconds, then 74 random bits, so that a clock set back repeats nothing.
func New() uuid.UUID {
	var id uuid.UUID
	_, _ = rand.Read(id[:]) // never fails, says its documentation
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(clock.Now().UnixMilli()))
	copy(id[:6], millis[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
