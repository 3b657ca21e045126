package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"sconce"
)

// ClientTLS returns the TLS configuration of a gateway: it trusts the given
// authorities only, for the given name, and shows its own certificate. Versions,
// suites and groups are those of DESIGN §5.
func ClientTLS(authorities *x509.CertPool, serverName string, own tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		RootCAs:      authorities,
		ServerName:   serverName,
		Certificates: []tls.Certificate{own},
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all of this kind
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		CurvePreferences: []tls.CurveID{tls.SecP256r1MLKEM768, tls.CurveP256, tls.CurveP384},
	}
}

// Identity returns the EUI-64 that a gateway's certificate names: its subject's
// common name, 16 hexadecimal digits.
func Identity(own tls.Certificate) (sconce.EUI64, error) {
	if len(own.Certificate) == 0 {
		return 0, errors.New("there is no certificate")
	}
	c, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		return 0, fmt.Errorf("reading the certificate: %w", err)
	}
	e, err := sconce.ParseEUI64(c.Subject.CommonName)
	if err != nil {
		return 0, fmt.Errorf("the certificate is not a gateway's: its common name %q is not an address of 16 hexadecimal digits", c.Subject.CommonName)
	}
	return e, nil
}

// validAt returns a moment at which the certificates of a refused peer are valid, when
// only their dates were against them: the first of all. There is none when they had
// ended before a moment that has certainly passed.
func validAt(refusal error, certain time.Time) (at time.Time, misdated bool) {
	var invalid x509.CertificateInvalidError
	var refused *tls.CertificateVerificationError
	if !errors.As(refusal, &invalid) || invalid.Reason != x509.Expired || !errors.As(refusal, &refused) {
		return time.Time{}, false
	}
	for _, c := range refused.UnverifiedCertificates {
		if c.NotBefore.After(at) {
			at = c.NotBefore
		}
		if c.NotAfter.Before(certain) {
			return time.Time{}, false
		}
	}
	return at, true
}

// certain returns a moment that has certainly passed, whatever the machine's clock
// shows: the gateway was made, and the cloud has said what time it is.
func (l *Link) certain() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var at time.Time
	if own := l.cfg.TLS.Certificates; len(own) > 0 && own[0].Leaf != nil {
		at = own[0].Leaf.NotBefore
	}
	if now := l.cfg.Now().Add(l.cloud.ahead); l.cloud.known && now.After(at) {
		at = now
	}
	return at
}
