package alert

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"sconce"
	"sconce/cloud/alert/rules"
	"sconce/cloud/attempts"
	"sconce/cloud/project"
)

// Trial is what came of a test of a webhook.
type Trial struct {
	Reason TrialReason // empty when it took what it was told
	Status int         // of its answer; 0 for none
}

// TrialReason says why a webhook did not take what it was told. It is one of a few, and tells
// nothing of the network that the cloud is in.
type TrialReason string

// Why a webhook did not take what it was told.
const (
	NoAddress     TrialReason = "no_address"    // its name leads to no address, or to one that is not public
	NoConnection  TrialReason = "no_connection" // nobody is there, or the connection broke
	NoAnswer      TrialReason = "no_answer"     // not in time
	NoCertificate TrialReason = "no_certificate"
	Answered      TrialReason = "answered" // with a status that is none of 200 to 299
)

// Tester tells webhooks something on request, as the [Courier] tells them of alerts.
type Tester struct {
	caller *Caller
	limit  *attempts.Limiter // by project
}

// How many tests of its webhooks a project may make in a time, and of how many projects they
// are counted.
const (
	maxTrials   = 10
	trialWindow = time.Minute
	maxTrying   = 10_000
)

// NewTester returns a tester that calls by a caller.
func NewTester(c *Caller) *Tester {
	return &Tester{caller: c, limit: attempts.New(maxTrials, trialWindow, maxTrying)}
}

// TestHook tells a webhook that this is a test, signed as everything, and says what came of it.
// More than a few in a minute are a [sconce.TooMany].
func (s *Service) TestHook(ctx context.Context, scope project.Scope, id HookID) (Trial, error) {
	if err := scope.Require(project.ConfigureAlerts); err != nil {
		return Trial{}, err
	}
	hooks, err := s.Store.Hooks(ctx, scope)
	if err != nil {
		return Trial{}, err
	}
	for _, h := range hooks {
		if h.ID != id {
			continue
		}
		if h, err = h.open(s.Vault); err != nil {
			return Trial{}, err
		}
		return s.Tester.try(ctx, h, scope.Project(), s.Now())
	}
	return Trial{}, sconce.Errorf(sconce.NotFound, "no such webhook in this project")
}

func (t *Tester) try(ctx context.Context, h Hook, id sconce.ProjectID, now time.Time) (Trial, error) {
	if !t.limit.Take(now, string(id)) {
		return Trial{}, sconce.LaterErrorf(sconce.TooMany, trialWindow, "at most %d tests of webhooks a minute: try again in a minute", maxTrials)
	}
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	example := Message{
		ID: sconce.MakeID[sconce.AlertID](now, random), Rule: rules.DeviceOffline, Severity: rules.Info, Raised: stamp(now), Cleared: new(stamp(now)), Times: 1,
	}
	err := t.caller.Call(ctx, h, Post{ID: string(example.ID), News: "test", Project: id, Alert: example}, now)
	if err == nil {
		return Trial{}, nil
	}
	if ctx.Err() != nil {
		return Trial{}, ctx.Err()
	}
	return trialOf(err), nil
}

// trialOf says what an error of a call means to the people of a project.
func trialOf(err error) Trial {
	var (
		status      statusError
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		slow        net.Error
	)
	switch {
	case errors.As(err, &status):
		return Trial{Answered, int(status)}
	case errors.Is(err, errRefusedAddress), errors.As(err, &name):
		return Trial{Reason: NoAddress}
	case errors.As(err, &certificate):
		return Trial{Reason: NoCertificate}
	case errors.As(err, &slow) && slow.Timeout():
		return Trial{Reason: NoAnswer}
	default:
		return Trial{Reason: NoConnection}
	}
}
