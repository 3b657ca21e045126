package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSmuggling sends requests whose end could be understood in two ways (RFC 9112, 6.3 and
// 11.2). What follows may not be taken for a request of its own, and nothing but a refusal
// is answered.
func TestSmuggling(t *testing.T) {
	const next = "GET /smuggled HTTP/1.1\r\nHost: " + domain + "\r\n\r\n"
	for name, head := range map[string]string{
		"two lengths":                  "Content-Length: 4\r\nContent-Length: 5\r\n",
		"a length with a sign":         "Content-Length: +4\r\n",
		"a negative length":            "Content-Length: -1\r\n",
		"a length that is none":        "Content-Length: 4, 5\r\n",
		"an unknown coding":            "Transfer-Encoding: xchunked\r\n",
		"a coding beside chunked":      "Transfer-Encoding: gzip, chunked\r\n",
		"chunked twice":                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"a space before the colon":     "Content-Length : 4\r\n",
		"a name with a space":          "Content Length: 4\r\n",
		"a line that goes on":          " Content-Length: 4\r\n",
		"two hosts":                    "Host: other.test\r\n",
		"a carriage return in a value": "X-A: b\rContent-Length: 4\r\n",
		"a zero byte in a value":       "X-A: b\x00c\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			answers := answersTo(t, "POST / HTTP/1.1\r\nHost: "+domain+"\r\n"+head+"\r\n"+next)
			if len(answers) != 1 || answers[0] < 400 || answers[0] > 501 {
				t.Errorf("answers %v; want one refusal", answers)
			}
		})
	}
	// Beside a coding a length does not count (6.3), so the second request is one. The connection should end
	// before it, which net/http does not do; with nothing between us and the client nobody understands it otherwise.
	t.Run("a length beside chunked", func(t *testing.T) {
		answers := answersTo(t, "POST / HTTP/1.1\r\nHost: "+domain+"\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+next)
		if len(answers) != 2 || answers[0] != 200 {
			t.Errorf("answers %v; want two", answers)
		}
	})
	if answers := answersTo(t, "POST / HTTP/1.1\r\nHost: "+domain+"\r\nContent-Length: 0\r\n\r\n"+next); len(answers) != 2 || answers[0] != 200 || answers[1] != 200 {
		t.Errorf("two requests one after the other: answers %v", answers)
	}
}

// answersTo sends bytes over one connection and returns the statuses that are answered until it
// ends or nothing more comes.
func answersTo(t *testing.T, text string) (statuses []int) {
	t.Helper()
	f := start(t)
	conn, err := f.dial(f.tls(domain))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.TrimSuffix(text, "\r\n\r\n")+"\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		a, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses
		}
		statuses = append(statuses, a.StatusCode)
		if _, err := io.Copy(io.Discard, a.Body); err != nil {
			t.Fatal(fmt.Errorf("reading an answer: %w", err))
		}
		_ = a.Body.Close()
	}
}
