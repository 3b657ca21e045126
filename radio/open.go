package radio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"

	"go.bug.st/serial"
)

// defaultBaud is the usual rate of RCP firmware behind a USB-to-serial chip.
// Dongles with USB of their own ignore it.
const defaultBaud = 460800

const expectURL = "expected spinel+tcp://host:port or spinel+serial:///dev/device?baud=460800"

// Open opens a radio by its URL:
//
//	spinel+tcp://127.0.0.1:7000
//	spinel+serial:///dev/ttyACM0?baud=460800
//
// The rate may be left out. The radio is reset and checked before Open returns.
func Open(ctx context.Context, address string) (Radio, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("radio %q is not a URL; %s", address, expectURL)
	}
	var conn io.ReadWriteCloser
	switch u.Scheme {
	case "spinel+tcp":
		conn, err = openTCP(ctx, u)
	case "spinel+serial":
		conn, err = openSerial(u)
	default:
		err = errors.New(expectURL)
	}
	if err != nil {
		return nil, fmt.Errorf("radio %q: %w", address, err)
	}
	s, err := NewSpinel(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("radio %q: %w", address, err)
	}
	return s, nil
}

func openTCP(ctx context.Context, u *url.URL) (net.Conn, error) {
	if u.Hostname() == "" || u.Port() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New(expectURL)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", u.Host)
}

func openSerial(u *url.URL) (serial.Port, error) {
	if u.Host != "" || u.User != nil || len(u.Path) < 2 || u.Fragment != "" {
		return nil, errors.New(expectURL)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New(expectURL)
	}
	baud := defaultBaud
	for key, values := range query {
		if key != "baud" || len(values) != 1 {
			return nil, fmt.Errorf("setting %q is not known; %s", key, expectURL)
		}
		if baud, err = strconv.Atoi(values[0]); err != nil || baud < 1200 || baud > 4_000_000 {
			return nil, fmt.Errorf("rate %q: expected a number from 1200 to 4000000, such as %d", values[0], defaultBaud)
		}
	}
	port, err := serial.Open(u.Path, &serial.Mode{BaudRate: baud})
	if err != nil {
		return nil, fmt.Errorf("opening the serial port: %w", err)
	}
	return port, nil
}
