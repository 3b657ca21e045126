package registry

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"sconce"
	"sconce/cloud/audit"
)

// The limits of one import.
const (
	maxLine  = 4 << 10 // bytes
	maxLines = 1 << 20
)

// record is one line of the factory's records (issued.jsonl). Who approved it is
// checked to be there and is not kept: that is the factory's to know, and people
// have no name here.
type record struct {
	EUI64             sconce.EUI64      `json:"eui64"`
	Kind              sconce.DeviceKind `json:"kind"`
	Model             string            `json:"model"`
	Serial            string            `json:"serial"`
	CertificateSHA256 string            `json:"certificate_sha256"`
	ClaimCodeSHA256   string            `json:"claim_code_sha256,omitempty"`
	ApprovedBy        string            `json:"approved_by"`
	IssuedAt          time.Time         `json:"issued_at"`
}

// Import reads the records of a factory, one JSON object a line, and stores all
// of them or none. Records that are known already are counted as such. An error
// in what was read is a [sconce.Invalid] or [sconce.Conflict] fit for the operator,
// which names the line or the device.
func (s *Service) Import(ctx context.Context, r io.Reader) (added, known int, err error) {
	ids, err := parseRecords(r)
	if err != nil {
		return 0, 0, err
	}
	if added, err = s.store.Import(ctx, ids, s.event(audit.IdentitiesAdded, "")); err != nil {
		return 0, 0, err
	}
	return added, len(ids) - added, s.reload(ctx)
}

func parseRecords(r io.Reader) ([]Identity, error) {
	var ids []Identity
	seen := map[sconce.EUI64]int{}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine)
	line := 0
	for scanner.Scan() {
		line++
		if line > maxLines {
			return nil, sconce.Errorf(sconce.Invalid, "more than %d lines: split the file", maxLines)
		}
		id, err := parseRecord(scanner.Bytes())
		if err != nil {
			return nil, sconce.Errorf(sconce.Invalid, "line %d: %w", line, err)
		}
		if first, twice := seen[id.Device]; twice {
			return nil, sconce.Errorf(sconce.Invalid, "line %d: device %s is in line %d already", line, id.Device, first)
		}
		seen[id.Device] = line
		ids = append(ids, id)
	}
	if err := scanner.Err(); err != nil {
		return nil, sconce.Errorf(sconce.Invalid, "line %d: %w", line+1, err)
	}
	return ids, nil
}

func parseRecord(line []byte) (Identity, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Identity{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Identity{}, errors.New("expected one JSON object and nothing behind it")
	}
	id := Identity{Device: r.EUI64, Kind: r.Kind, Model: r.Model, Serial: r.Serial, Issued: r.IssuedAt}
	switch {
	case r.EUI64 == 0:
		return Identity{}, errors.New("eui64 is missing")
	case r.Kind == 0:
		return Identity{}, errors.New("kind is missing")
	case r.Model == "" || r.Serial == "":
		return Identity{}, errors.New("model or serial is missing")
	case r.ApprovedBy == "":
		return Identity{}, errors.New("approved_by is missing: an identity is issued by approval only")
	case r.IssuedAt.IsZero():
		return Identity{}, errors.New("issued_at is missing")
	case (r.ClaimCodeSHA256 != "") != (r.Kind == sconce.Gateway):
		return Identity{}, errors.New("claim_code_sha256 is expected for gateways and for nothing else")
	}
	if err := parseDigest(&id.CertificateSHA256, r.CertificateSHA256, "certificate_sha256"); err != nil {
		return Identity{}, err
	}
	if r.ClaimCodeSHA256 != "" {
		id.ClaimCodeSHA256 = new([sha256.Size]byte)
		return id, parseDigest(id.ClaimCodeSHA256, r.ClaimCodeSHA256, "claim_code_sha256")
	}
	return id, nil
}

func parseDigest(d *[sha256.Size]byte, text, field string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(d) {
		return errors.New(field + ": expected 64 hexadecimal digits")
	}
	copy(d[:], b)
	return nil
}
