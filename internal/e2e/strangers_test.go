package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sconce"
	"sconce/factory"
	"sconce/internal/mosquitto"
	"sconce/wire"
)

// TestStrangers lets mosquitto's clients meet the true cloud, in both versions of
// MQTT: with a known certificate, with none, with one that the registry does not
// know, on another gateway's topics, and with one that is revoked while it is
// connected.
func TestStrangers(t *testing.T) {
	s := install(t, 1)
	known := s.moreGateways(2)
	unknown := s.newIdentity(sconce.Gateway, 0x5ec0ce0000040000, "T-unknown") // after the records were imported
	s.startCloud()

	own, others := wire.UpTopic(known[0].Record.EUI64, wire.KindLog), wire.UpTopic(known[1].Record.EUI64, wire.KindLog)
	for _, version := range []string{"311", "5"} {
		publish := func(id *factory.Identity, topic string, sequence uint64) (int, string) {
			return s.mosquitto(id).Run("mosquitto_pub", "-V", version, "-q", "1", "-t", topic, "-f", s.message(sequence))
		}
		if code, out := publish(known[0], own, 1); code != 0 || out != "" {
			t.Errorf("version %s, a known certificate: code %d, %q", version, code, out)
		}
		if code, _ := publish(nil, own, 2); code == 0 {
			t.Errorf("version %s, no certificate: published", version)
		}
		if code, _ := publish(unknown, wire.UpTopic(unknown.Record.EUI64, wire.KindLog), 3); code == 0 {
			t.Errorf("version %s, an unknown certificate: published", version)
		}
		// mosquitto_pub tells of a refused message of version 5 in words alone.
		if code, out := publish(known[0], others, 4); code == 0 && !strings.Contains(out, "Not authorized") {
			t.Errorf("version %s, another gateway's topic: code %d, %q", version, code, out)
		}
		filter := wire.DownFilter(known[1].Record.EUI64)
		if code, out := s.mosquitto(known[0]).Run("mosquitto_sub", "-V", version, "-E", "-t", filter); code == 0 && !strings.Contains(out, "denied") && !strings.Contains(out, "Not authorized") {
			t.Errorf("version %s, another gateway's messages: code %d, %q", version, code, out)
		}
	}

	t.Run("revoked", func(t *testing.T) {
		listening := s.mosquitto(known[1]).Command("mosquitto_sub", "-V", "5", "-q", "1", "-t", wire.DownFilter(known[1].Record.EUI64))
		if err := listening.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listening.Process.Kill(); _ = listening.Wait() }) // it tries again for ever
		await(t, 10*time.Second, "mosquitto_sub to be connected", func() bool { return s.connectedGateways() == 1 })
		revoke := exec.Command(s.programs.Sconce, "ctl", "--config", s.CloudConfig(), "registry", "revoke", known[1].Record.EUI64.String())
		if said, err := revoke.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		await(t, 5*time.Second, "the live connection to end", func() bool { return s.connectedGateways() == 0 })
		if code, _ := s.mosquitto(known[1]).Run("mosquitto_pub", "-V", "5", "-q", "1", "-t", others, "-f", s.message(1)); code == 0 {
			t.Error("with a revoked certificate: published")
		}
	})
}

// connectedGateways asks the operators' listener.
func (s *system) connectedGateways() (n int) {
	s.t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", s.OpsPort))
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^sconce_gateways (\d+)$`).FindSubmatch(text)
	if line == nil {
		s.t.Fatalf("no sconce_gateways in %s", text)
	}
	if n, err = strconv.Atoi(string(line[1])); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// mosquitto returns mosquitto's clients with an identity, or with none.
func (s *system) mosquitto(id *factory.Identity) *mosquitto.Clients {
	s.t.Helper()
	text, err := os.ReadFile(s.HostCA())
	if err != nil {
		s.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		s.t.Fatal(err)
	}
	var cert *tls.Certificate
	if id != nil {
		cert = &tls.Certificate{Certificate: [][]byte{id.Certificate.Raw}, PrivateKey: id.Key}
	}
	return mosquitto.New(s.t, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.TLSPort)), "mq."+s.Domain, ca, cert)
}

// message returns a file with an up message.
func (s *system) message(sequence uint64) string {
	s.t.Helper()
	payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: 1, Sequence: sequence}, wire.Log{})
	if err != nil {
		s.t.Fatal(err)
	}
	path := fmt.Sprintf("%s/message-%d", s.t.TempDir(), sequence)
	if err := os.WriteFile(path, payload, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
