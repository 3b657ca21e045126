package export_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sconce"
	"sconce/cloud/export"
	"sconce/cloud/telemetry"
)

// TestParquet reads the files by their own schema. A reader that is not ours, nor of the library
// that writes them, reads them in internal/e2e.
func TestParquet(t *testing.T) {
	b := newBench(t)
	all := b.files(b.take(export.Wish{Period: b.period, Format: export.Parquet}))
	if len(all) != 2+len(sconce.Metrics()) || !strings.Contains(all["README.txt"], "readings/active_power.parquet\n") || !strings.Contains(all["README.txt"], "Snappy") {
		t.Errorf("%d files; README.txt is\n%s", len(all), all["README.txt"])
	}
	open := func(name string) *parquet.File {
		t.Helper()
		f, err := parquet.OpenFile(strings.NewReader(all[name]), int64(len(all[name])))
		b.check(err)
		return f
	}
	power := open("readings/active_power.parquet")
	if got := power.Schema().String(); !strings.Contains(got, "required binary device (STRING)") ||
		!strings.Contains(got, "required int64 time (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS))") || !strings.Contains(got, "optional double value") {
		t.Errorf("the schema is %s", got)
	}
	if n := power.NumRows(); n != 2*samples {
		t.Fatalf("%d readings", n)
	}
	type reading struct {
		Device string    `parquet:"device"`
		Time   time.Time `parquet:"time,timestamp(millisecond)"`
		Value  *float64  `parquet:"value"`
	}
	rows, err := parquet.Read[reading](strings.NewReader(all["readings/active_power.parquet"]), int64(len(all["readings/active_power.parquet"])))
	b.check(err)
	if last := rows[2*samples-1]; rows[0].Device != highest.String() || !rows[0].Time.Equal(begin) || *rows[0].Value != -5 ||
		last.Device != light.String() || !last.Time.Equal(begin.Add(24*time.Hour-20*time.Second)) {
		t.Errorf("readings %+v to %+v", rows[0], last)
	}
	if n := open("readings/battery.parquet").NumRows(); n != 0 {
		t.Errorf("%d readings of batteries", n)
	}
	type device struct {
		Device   string   `parquet:"device"`
		Position string   `parquet:"position"`
		Groups   []string `parquet:"groups,list"`
	}
	devices, err := parquet.Read[device](strings.NewReader(all["devices.parquet"]), int64(len(all["devices.parquet"])))
	b.check(err)
	if len(devices) != 4 || devices[0].Position != `=HYPERLINK("http://evil.example","Desk")` || fmt.Sprint(devices[0].Groups, devices[1].Groups) != "[-1+1] []" {
		t.Errorf("devices %+v", devices)
	}
}

// count counts what is written.
type count int64

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestParquetIsStreamed: however many readings there are, few are in memory; and a value that is no
// number is none.
func TestParquetIsStreamed(t *testing.T) {
	var written count
	before, most := heap(), int64(0)
	f := export.NewReadings(&written, export.Parquet)
	const rows = 1_000_000
	for i := range rows {
		value := float64(i % 1000)
		if i%1000 == 0 {
			value = math.NaN()
		}
		if err := f.Reading(light, telemetry.Sample{At: begin.UnixMilli() + int64(i)*1000, Value: value}); err != nil {
			t.Fatal(err)
		}
		if i%49_999 == 0 {
			most = max(most, heap()-before)
		}
	}
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	if most < 1<<16 || most > 16<<20 {
		t.Errorf("%d bytes of the heap are in use", most)
	}
	t.Logf("%.2f bytes a reading; %.1f MiB of the heap", float64(written)/rows, float64(most)/(1<<20))
}
