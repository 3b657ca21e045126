package export

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value is what stands in a field.
type value struct {
	text string
	list []string
	kind kind
}

type kind uint8

const (
	byPeople kind = iota // a text that people wrote
	byUs                 // a text of ours, of letters, digits and the marks of a time
	numeral
	several // texts that people wrote
)

func text(s string) value     { return value{text: s, kind: byPeople} }
func raw(s string) value      { return value{text: s, kind: byUs} }
func list(all []string) value { return value{list: all, kind: several} }

// number writes a value with as many digits as tell it from any other, and what is none
// as nothing.
func number(v float64) value {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return value{kind: numeral}
	}
	return value{text: strconv.FormatFloat(v, 'f', -1, 64), kind: numeral}
}

// table writes rows in a format: as CSV (RFC 4180), or as one array of objects in JSON.
type table struct {
	w     io.Writer
	form  Format
	names []string
	rows  int
	buf   []byte // reused
}

func newTable(w io.Writer, form Format, names ...string) *table {
	return &table{w: w, form: form, names: names}
}

// row writes a row, and what stands before the first one.
func (t *table) row(values ...value) error {
	b := t.head(t.buf[:0])
	if t.form == JSON {
		b = t.object(b, values)
	} else {
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.appendCSV(b)
		}
		b = append(b, "\r\n"...)
	}
	t.buf = b
	t.rows++
	_, err := t.w.Write(b)
	return err
}

// head appends what stands before a row, or before the end.
func (t *table) head(b []byte) []byte {
	switch {
	case t.rows > 0:
		return b
	case t.form == JSON:
		return append(b, '[')
	default:
		return append(append(b, strings.Join(t.names, ",")...), "\r\n"...)
	}
}

// finish writes what stands behind the last row.
func (t *table) finish() error {
	b := t.head(nil)
	if t.form == JSON {
		b = append(b, "\n]\n"...)
	}
	_, err := t.w.Write(b)
	return err
}

// object appends a row as JSON.
func (t *table) object(b []byte, values []value) []byte {
	if t.rows > 0 {
		b = append(b, ',')
	}
	b = append(b, "\n{"...)
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), t.names[i]...), `":`...)
		b = v.appendJSON(b)
	}
	return append(b, '}')
}

func (v value) appendJSON(b []byte) []byte {
	var of any = v.text
	switch {
	case v.kind == numeral && v.text == "":
		return append(b, "null"...)
	case v.kind == numeral:
		return append(b, v.text...)
	case v.kind == byUs:
		return append(append(append(b, '"'), v.text...), '"')
	case v.kind == several:
		of = v.list
	}
	j, err := json.Marshal(of)
	if err != nil { // texts and lists of them have a form
		return append(b, "null"...)
	}
	return append(b, j...)
}

func (v value) appendCSV(b []byte) []byte {
	s := v.text
	switch v.kind {
	case byUs, numeral:
		return append(b, s...)
	case several:
		s = strings.Join(v.list, "; ")
	}
	s = guarded(s)
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(b, s...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// guarded returns a text that no spreadsheet takes for a formula (OWASP, CSV injection).
func guarded(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	if strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) { // the last four as wide as a Chinese sign
		return "'" + s
	}
	return s
}
