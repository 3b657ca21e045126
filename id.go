package sconce

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// Identifiers of things that people make are UUIDs of version 7 (RFC 9562, 5.7)
// in their text form: unique everywhere, sorted by time of making.
type (
	// AccountID names a person.
	AccountID string
	// ProjectID names a project.
	ProjectID string
	// NetworkID names a light network.
	NetworkID string
	// GroupID names a group of lights.
	GroupID string
	// PositionID names a place where a fixture hangs.
	PositionID string
	// CommandID names a command.
	CommandID string
	// AlertID names an alert.
	AlertID string
)

// An ID is any of the identifier types.
type ID interface {
	AccountID | ProjectID | NetworkID | GroupID | PositionID | CommandID | AlertID
}

// MakeID returns the identifier for a time of making (kept to the millisecond)
// and ten bytes drawn at random for it.
func MakeID[T ID](now time.Time, random [10]byte) T {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(now.UnixMilli())<<16)
	copy(u[6:], random[:])
	u[6] = u[6]&0x0f | 0x70 // version 7
	u[8] = u[8]&0x3f | 0x80 // variant of RFC 9562
	return T(u.String())
}

// ParseID reads an identifier in the canonical text form of RFC 9562: 36
// characters, lower case.
func ParseID[T ID](s string) (T, error) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s {
		return "", Errorf(Invalid, "identifier %q: expected 36 characters like 0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f", s)
	}
	return T(s), nil
}
