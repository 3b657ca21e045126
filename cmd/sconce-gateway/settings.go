package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"sconce/gateway"
	"sconce/gateway/buffer"
	"sconce/gateway/link"
	"sconce/internal/config"
	"sconce/radio"
	"sconce/zigbee"
)

// settings is the configuration file.
type settings struct {
	Cloud struct {
		Address    string `yaml:"address"`     // host:port to connect to
		ServerName string `yaml:"server_name"` // that its certificate must have
		CAFile     string `yaml:"ca_file"`     // the authorities that may have issued it, PEM
	} `yaml:"cloud"`
	Identity struct {
		CertificateFile string `yaml:"certificate_file"` // PEM, leaf first
		KeyFile         string `yaml:"key_file"`         // PEM
	} `yaml:"identity"`
	Radio struct {
		URL      string  `yaml:"url"`
		Channels []uint8 `yaml:"channels"` // to form a network on; optional
	} `yaml:"radio"`
	State struct {
		File    string `yaml:"file"`
		KeyFile string `yaml:"key_file"`
	} `yaml:"state"`
	Buffer struct {
		MiB int `yaml:"mib"` // optional
	} `yaml:"buffer"`
	Log struct {
		Level string `yaml:"level"` // debug, info, warn or error; optional
	} `yaml:"log"`

	authorities *x509.CertPool
	certificate tls.Certificate
}

// The values of settings that are not given.
const (
	defaultLevel = "info"
	minBufferMiB = (buffer.MinMaxBytes + 1<<20 - 1) >> 20
	maxBufferMiB = 4096
)

// defaultChannels lie between the three Wi-Fi channels that everybody uses.
var defaultChannels = [...]uint8{11, 15, 20, 25}

// Validate implements [config.Validator]. It also reads the identity, so that
// what is wrong with it is said with its line and key.
func (s *settings) Validate(c *config.Checker) {
	c.Address("cloud.address", s.Cloud.Address)
	c.Text("cloud.server_name", s.Cloud.ServerName, "the name in the cloud's certificate, such as mq.sconce.localhost")
	c.File("cloud.ca_file", &s.Cloud.CAFile, "the path of the authorities that the cloud's certificate may come from, in PEM")
	c.File("identity.certificate_file", &s.Identity.CertificateFile, "the path of the gateway's certificate, in PEM")
	c.File("identity.key_file", &s.Identity.KeyFile, "the path of the gateway's private key, in PEM")
	c.File("state.file", &s.State.File, "the path at which the gateway keeps its sealed state")
	c.File("state.key_file", &s.State.KeyFile, "the path at which the gateway keeps the key of its state")
	s.validateRadio(c)
	if c.Has("buffer.mib") {
		config.Range(c, "buffer.mib", s.Buffer.MiB, minBufferMiB, maxBufferMiB)
	} else {
		s.Buffer.MiB = buffer.DefaultMaxBytes >> 20
	}
	if !c.Has("log.level") {
		s.Log.Level = defaultLevel
	}
	c.OneOf("log.level", s.Log.Level, "debug", "info", "warn", "error")
	s.readIdentity(c)
}

func (s *settings) validateRadio(c *config.Checker) {
	const expected = "spinel+tcp://host:port or spinel+serial:///dev/ttyACM0?baud=460800"
	c.Text("radio.url", s.Radio.URL, expected)
	if s.Radio.URL != "" && !strings.HasPrefix(s.Radio.URL, "spinel+tcp://") && !strings.HasPrefix(s.Radio.URL, "spinel+serial://") {
		c.Refuse("radio.url", "%q is not the address of a radio; expected %s", s.Radio.URL, expected)
	}
	if !c.Has("radio.channels") {
		s.Radio.Channels = defaultChannels[:]
		return
	}
	if len(s.Radio.Channels) == 0 {
		c.Refuse("radio.channels", "the list is empty; expected channels from %d to %d", zigbee.MinChannel, zigbee.MaxChannel)
	}
	for i, n := range s.Radio.Channels {
		config.Range(c, fmt.Sprintf("radio.channels[%d]", i), n, zigbee.MinChannel, zigbee.MaxChannel)
	}
}

// readIdentity reads what the TLS connection needs.
func (s *settings) readIdentity(c *config.Checker) {
	if s.Cloud.CAFile != "" {
		text, err := os.ReadFile(s.Cloud.CAFile)
		s.authorities = x509.NewCertPool()
		if err != nil {
			c.Refuse("cloud.ca_file", "%s cannot be read: %v", s.Cloud.CAFile, cause(err))
		} else if !s.authorities.AppendCertsFromPEM(text) {
			c.Refuse("cloud.ca_file", "%s holds no certificate in PEM", s.Cloud.CAFile)
		}
	}
	certificate, cerr := readOwn(c, "identity.certificate_file", s.Identity.CertificateFile)
	key, kerr := readOwn(c, "identity.key_file", s.Identity.KeyFile)
	if cerr != nil || kerr != nil {
		return
	}
	var err error
	if s.certificate, err = tls.X509KeyPair(certificate, key); err != nil {
		c.Refuse("identity.certificate_file", "%s and %s are not a certificate and its key: %v", s.Identity.CertificateFile, s.Identity.KeyFile, err)
	} else if _, err := link.Identity(s.certificate); err != nil {
		c.Refuse("identity.certificate_file", "%v", err)
	}
}

func readOwn(c *config.Checker, key, path string) ([]byte, error) {
	if path == "" {
		return nil, fs.ErrNotExist // has been refused already
	}
	text, err := os.ReadFile(path)
	if err != nil {
		c.Refuse(key, "%s cannot be read: %v", path, cause(err))
	}
	return text, err
}

// cause returns the error without the path, which is said already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (s *settings) level() slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(s.Log.Level)) // Validate let only levels pass
	return l
}

// gateway returns the configuration of the gateway itself.
func (s *settings) gateway(h slog.Handler, firmware string) gateway.Config {
	url := s.Radio.URL
	return gateway.Config{
		Cloud: s.Cloud.Address, ServerName: s.Cloud.ServerName,
		Authorities: s.authorities, Certificate: s.certificate,
		OpenRadio: func(ctx context.Context) (radio.Radio, error) { return radio.Open(ctx, url) },
		Channels:  zigbee.Channels(s.Radio.Channels...),
		StateFile: s.State.File, StateKeyFile: s.State.KeyFile,
		Clock:       time.Now,
		BufferBytes: s.Buffer.MiB << 20,
		Firmware:    firmware,
		Log:         h,
	}
}
