package export

import (
	"io"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"

	"sconce"
	"sconce/cloud/telemetry"
)

// rowGroup is how many rows of a Parquet file are gathered before they are written: what it takes
// in memory is bounded by them, a few MiB, and readers skip what they do not look for by them.
const rowGroup = 1 << 16

// gathered is how many rows are given to the Parquet writer at a time.
const gathered = 256

// parquetReading is a row of a file of readings.
type parquetReading struct {
	Device string    `parquet:"device,dict"`
	Time   time.Time `parquet:"time,timestamp(millisecond),delta"`
	Value  *float64  `parquet:"value,optional"` // none where it is no number
}

// parquetDevice is a row of the file of devices.
type parquetDevice struct {
	Device   string    `parquet:"device"`
	Kind     string    `parquet:"kind,dict"`
	Position string    `parquet:"position"`
	Network  string    `parquet:"network,dict"`
	Groups   []string  `parquet:"groups,list"`
	Added    time.Time `parquet:"added,timestamp(millisecond)"`
}

// parquetFile writes an Apache Parquet file row group after row group, compressed
// with Snappy, which every reader knows.
type parquetFile[T any] struct {
	rows []T
	to   *parquet.GenericWriter[T]
}

func newParquetFile[T any](w io.Writer) *parquetFile[T] {
	return &parquetFile[T]{
		rows: make([]T, 0, gathered),
		to:   parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(rowGroup), parquet.CreatedBy("sconce", "", "")),
	}
}

func (f *parquetFile[T]) row(r T) error {
	if f.rows = append(f.rows, r); len(f.rows) < gathered {
		return nil
	}
	return f.flush()
}

func (f *parquetFile[T]) flush() error {
	_, err := f.to.Write(f.rows)
	f.rows = f.rows[:0]
	return err
}

// finish writes what is left, and the footer.
func (f *parquetFile[T]) finish() error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.to.Close()
}

// parquetReadings is a file of readings in Parquet.
type parquetReadings struct{ *parquetFile[parquetReading] }

func (f parquetReadings) reading(d sconce.EUI64, s telemetry.Sample) error {
	r := parquetReading{Device: d.String(), Time: s.Time().UTC()}
	if !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0) {
		r.Value = &s.Value
	}
	return f.row(r)
}

// parquetDevices is the file of devices in Parquet.
type parquetDevices struct{ *parquetFile[parquetDevice] }

func (f parquetDevices) device(d place) error {
	return f.row(parquetDevice{
		Device: d.Device.Device.String(), Kind: d.Kind.String(), Position: d.Name, Network: d.network, Groups: d.groups, Added: d.Made.UTC(),
	})
}
