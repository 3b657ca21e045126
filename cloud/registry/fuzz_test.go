package registry

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"

	"sconce/internal/corpus"
)

// FuzzParseRecord checks that what was read of a record, written as a record, reads
// as the same.
func FuzzParseRecord(f *testing.F) {
	const digest = "0000000000000000000000000000000000000000000000000000000000000000"
	f.Add([]byte(`{"eui64":"5ec0ce0000000001","kind":"gateway","model":"m","serial":"s","certificate_sha256":"` + digest +
		`","claim_code_sha256":"` + digest + `","approved_by":"o","issued_at":"2026-11-23T12:00:00Z"}`))
	f.Add([]byte(`{"eui64":"5e:c0:ce:00:00:00:00:01","kind":"luminaire","model":"m","serial":"s","certificate_sha256":"` + digest +
		`","approved_by":"o","issued_at":"2026-11-23T12:00:00+01:00"}`))
	corpus.Fuzz(f, func(t *testing.T, line []byte) {
		id, err := parseRecord(line)
		if err != nil {
			return
		}
		r := record{
			EUI64: id.Device, Kind: id.Kind, Model: id.Model, Serial: id.Serial, ApprovedBy: "o", IssuedAt: id.Issued,
			CertificateSHA256: hex.EncodeToString(id.CertificateSHA256[:]),
		}
		if id.ClaimCodeSHA256 != nil {
			r.ClaimCodeSHA256 = hex.EncodeToString(id.ClaimCodeSHA256[:])
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("read, but does not write: %v", err)
		}
		again, err := parseRecord(text)
		if err != nil || !again.Issued.Equal(id.Issued) {
			t.Fatalf("%s: %v", text, err)
		}
		if again.Issued = id.Issued; !reflect.DeepEqual(again, id) {
			t.Errorf("%+v became %+v", id, again)
		}
	})
}
