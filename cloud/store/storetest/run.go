package storetest

import (
	"testing"

	"sconce/cloud/store"
)

// Run is what every database must do alike: the conformance suite of the store.
// open returns a new, empty store that ends with the test.
func Run(t *testing.T, open func(t testing.TB) *store.Store) {
	for _, suite := range []struct {
		name string
		run  func(t *testing.T, s *store.Store)
	}{
		{"devices", testDevices},
		{"groups", testGroups},
		{"limits", testLimits},
		{"desired state", testDesired},
		{"commands", testCommands},
		{"isolation", testIsolation},
		{"security log", testSecurityLog},
		{"members", testMembers},
		{"letters", testLetters},
		{"person", testPerson},
		{"API tokens", testAccess},
		{"requests done once", testOnce},
		{"support", testSupport},
		{"second steps", testSecondSteps},
		{"sign-ins", testSignIns},
		{"passkeys", testPasskeys},
		{"journal", testJournal},
		{"results", testResults},
		{"readings", testReadings},
		{"presence", testPresence},
		{"concurrency", testConcurrency},
	} {
		t.Run(suite.name, func(t *testing.T) { suite.run(t, open(t)) })
	}
}

// check fails the test when err is not nil.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
