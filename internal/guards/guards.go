// Package guards lists the checks that decide who may do what, so that each can be taken
// away in turn: with any of them missing, at least one test has to fail. `make guards` does
// so, by giving the compiler another text of one file (go test -overlay); nothing in the
// tree is changed. A check that two tests would have to miss is still a check that one
// careless line could remove.
//
// Every call of Scope.Require and Scope.RequireControl is found by itself; the others are in
// the list below, as the line that is there and the line that is put in its place.
package guards

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// guard is a check, and the tests of which at least one has to fail without it.
type guard struct {
	name     string
	file     string // from the root of the project
	from, to string // from is there once
	tests    string // packages
	run      string // regular expression of their tests
}

const (
	ofAPI      = "./cloud/api"
	ofEdge     = "./cloud/edge"
	ofIdentity = "./cloud/identity"
	ofNetwork  = "./gateway/network"
	ofProject  = "./cloud/project"
	ofStore    = "./cloud/store"
)

// ofDiscretion are the tests of what a gateway keeps to itself.
const ofDiscretion = "Discretion|TestADayTellsNoMoments"

// listed are the checks that are no call of Scope.Require.
var listed = []guard{
	{"a route asks who is there", "cloud/api/authenticate.go", "	who, err := a.caller(ctx)\n	if err != nil {", "	who, err := a.caller(ctx)\n	if false {", ofAPI, "TestRoutesOutsideProjects|TestIsolation"},
	{"a route enters its project", "cloud/api/authenticate.go", "	if err != nil {\n		a.refuse(ctx, err)\n		return\n	}\n	next(huma.WithValue(ctx, scopeKey", "	if false {\n		a.refuse(ctx, err)\n		return\n	}\n	next(huma.WithValue(ctx, scopeKey", ofAPI, "TestIsolation"},
	{"another site's requests are refused", "cloud/api/guard.go", "checked := origin.Handler(next)", "checked := next", ofAPI, "TestCrossOrigin"},
	{"TLS is required", "cloud/api/guard.go", "if r.TLS == nil && (a.DemoLiveURL == \"\" || !isLoopback(r.Host)) {", "if false {", ofAPI, "TestTLS|TestTheDemo"},
	{"the demo is for this machine", "cloud/api/guard.go", "(a.DemoLiveURL == \"\" || !isLoopback(r.Host))", "a.DemoLiveURL == \"\"", ofAPI, "TestTheDemo"},
	{"a session is valid", "cloud/identity/session.go", "	if !session.Valid(now) {", "	if false {", ofIdentity, "Session"},
	{"a password is right", "cloud/identity/identity.go", "	if !ok {\n		return Credentials{}, s.refuse(", "	if !ok && ok {\n		return Credentials{}, s.refuse(", ofIdentity, "TestSignIn"},
	{"guesses of passwords are limited", "cloud/identity/identity.go", "		err = take(s.byAccount, s.now(), key, tooManySignIns)", "		_ = key", ofIdentity, "TestAttemptsAreLimited"},
	{"guesses from one place are limited", "cloud/identity/identity.go", "	err := take(s.byPlace, s.now(), place, tooManySignIns)\n	if err == nil {\n		err = take(s.byAccount", "	var err error\n	if err == nil {\n		err = take(s.byAccount", ofIdentity, "TestOnePlaceCannotTryManyAccounts"},
	{"a second step is asked for", "cloud/identity/secondstep.go", "	if step.Asked() {\n		token, until", "	if step.Asked() && !step.Asked() {\n		token, until", ofIdentity, "SecondStep|HalfSignedIn"},
	{"a provider finds no account by its address", "cloud/identity/provider.go", "	if err != nil || a.ID == \"\" {\n		return Credentials{}, err\n	}\n	return s.store.Credentials(ctx, a.Email)", "	if err != nil {\n		return Credentials{}, err\n	}\n	if a.ID == \"\" {\n		a.Email = v.Email\n	}\n	return s.store.Credentials(ctx, a.Email)", ofIdentity, "TestProviderTakesNoAccountOver"},
	{"a provider's address is verified", "cloud/identity/provider.go", "!v.EmailVerified || ", "", ofIdentity, "TestProviderTakesNoAccountOver"},
	{"a provider's address is of its domains", "cloud/identity/provider.go", " || !slices.Contains(s.providerRules.Domains, domain)", " || slices.Contains(s.providerRules.Domains, \"\") || domain == \"\"", ofIdentity, "TestProviderTakesNoAccountOver"},
	{"a journey comes back with its state", "cloud/identity/provider.go", "ok = sameText(kept.question.State, state) && mine(*kept)", "ok = mine(*kept)", ofIdentity, "TestProviderAnswers"},
	{"a journey is of its session", "cloud/identity/provider.go", "return j.account == a.ID && j.session == in.ID", "return j.account != \"\"", ofIdentity, "TestProviderJourneyIsOfItsSession"},
	{"an ID token has the nonce", "cloud/provider/provider.go", "subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(q.Nonce.Reveal())) != 1", "subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(q.Nonce.Reveal())) > 1", ofIdentity, "TestProviderAnswers"},
	{"a provider's answer names its issuer", "cloud/provider/provider.go", "	if a.Issuer != p.config.Issuer && (a.Issuer != \"\" || o.saysIssuer) {", "	if false {", ofIdentity, "TestProviderAnswers"},
	{"no redirect of a provider is followed", "cloud/provider/discovery.go", "return http.ErrUseLastResponse", "return nil", ofIdentity, "TestProviderAnswers"},
	{"a change of the address is proven", "cloud/identity/email.go", "	if err := s.prove(ctx, in, a, p, from); err != nil {\n		return err\n	}\n	if s.post", "	if s.post", ofIdentity, "TestChangeOfEmail"},
	{"an undoing link outlives a password", "cloud/store/details.go", "	from := int64(math.MaxInt64)", "	from := int64(math.MinInt64)", ofIdentity, "TestUndoEmail"},
	{"a link is of its kind and time", "cloud/identity/link.go", "	if l.Kind != kind || !s.now().Before(l.Expires) {", "	if false {", ofIdentity, "Link|Reset|Regist"},
	{"a link is not too old", "cloud/identity/link.go", "l.Kind != kind || !s.now().Before(l.Expires)", "l.Kind != kind", ofIdentity, "TestLinksExpire"},
	{"a ticket has its password", "cloud/identity/live.go", "return t.viewer, subtle.ConstantTimeCompare(t.password[:], password[:]) == 1", "return t.viewer, subtle.ConstantTimeCompare(t.password[:], password[:]) < 2", ofIdentity, "Ticket"},
	{"a ticket is of a session that goes on", "cloud/identity/live.go", "	if len(ended) > 0 {", "	if len(ended) < 0 {", ofIdentity, "TestRightsEnd"},
	{"an invitation is for its address", "cloud/invitation/invitation.go", "who.Account == \"\" || who.Account != account.ID || emails[string(i.ID)] != account.Email", "who.Account == \"\" || len(emails) < 0", ofAPI, "TestInvitation"},
	{"an invitation is not too old", "cloud/invitation/invitation.go", "	if i.ID == \"\" || !now.Before(i.Expires) {", "	if i.ID == \"\" {", ofAPI, "TestInvitation"},
	{"a member may see the project", "cloud/project/scope.go", "	if m.Role == 0 {\n		return s.enterAsSupport(ctx, who, id)\n	}", "	if m.Role == 0 {\n		m.Role = sconce.Viewer\n	}", ofProject, "TestEnter"},
	{"a scope permits what is in its row", "cloud/project/scope.go", "	case s.may.Has(a):\n		return nil", "	case true:\n		return nil", ofProject, "TestEnter|TestEveryMethodAsks"},
	{"a token has less", "cloud/project/scope.go", "	s.may, s.limited = s.may.And(actions), true", "	s.limited = true", ofProject + " " + ofAPI, "TestOnly|TestToken"},
	{"a user controls granted groups", "cloud/project/scope.go", "	if s.granted != nil && slices.ContainsFunc(", "	if s.granted != nil || slices.ContainsFunc(", ofProject + " " + ofAPI, "TestRequireControl|TestGrantedGroups"},
	{"a support grant is for a person", "cloud/project/support.go", "who.Operation == \"\" || ", "", ofAPI, "TestSupport"},
	{"the use of a support grant is written", "cloud/project/support.go", "	return scope, s.noteUse(ctx, scope, who.Operation)", "	_ = s.noteUse(ctx, scope, who.Operation)\n	return scope, nil", ofAPI, "TestSupportNeedsItsLog"},
	{"a support grant ends", "cloud/store/sitedb/support.sql.go", "s.granted_by <> '' AND s.ended_ms = 0 AND s.expires_ms > ?3\nORDER BY s.access", "s.granted_by <> '' AND s.expires_ms > ?3\nORDER BY s.access", ofStore, "TestSQLite"},
	{"a support grant is granted", "cloud/store/sitedb/support.sql.go", "s.granted_by <> '' AND s.ended_ms = 0 AND s.expires_ms > ?3\nORDER BY s.access", "s.ended_ms = 0 AND s.expires_ms > ?3\nORDER BY s.access", ofStore, "TestSQLite"},
	{"only operators ask for support", "cloud/support/operator.go", "	if err == nil && (!is || who.Account == \"\") {", "	if is && !is {", ofAPI, "TestSupport|TestRoutesOutside"},
	{"another operator approves", "cloud/support/operator.go", "	if who.Account == g.AskedBy || who.Account == g.Operator {", "	if false {", ofAPI, "TestSupportForAnIncident"},
	{"who has a grant gives it back", "cloud/support/operator.go", "who.Account == \"\" || g.Operator != who.Account", "who.Account == \"\"", ofAPI, "TestSupportForAnIncident"},
	{"a grant is of the project", "cloud/support/owner.go", "g.ID == \"\" || g.Project != scope.Project()", "g.ID == \"\"", ofAPI, "TestIsolation"},
	{"a grant is for an operator", "cloud/store/support.go", "	if err == nil && n == 0 {\n		return support.ErrNoOperator()", "	if n < 0 {\n		return support.ErrNoOperator()", ofStore, "TestSQLite"},
	{"an app's code is exchanged once", "cloud/oauth/exchange.go", "s.Grants.Redeem(ctx, renewal); err == nil && !ok {", "s.Grants.Redeem(ctx, renewal); err == nil && ok && !ok {", ofAPI, "TestAppAttacks"},
	{"an app's code has its verifier", "cloud/oauth/exchange.go", "!equal(verifier, g.Challenge), ", "", ofAPI, "TestAppAttacks"},
	{"an app's code is for its address", "cloud/oauth/exchange.go", ", !equal(redirect, g.Redirect):", ":", ofAPI, "TestAppAttacks"},
	{"an app's code is its own", "cloud/oauth/exchange.go", "	case g.Client != c.ID, !equal(verifier", "	case !equal(verifier", ofAPI, "TestAppAttacks"},
	{"an app's code is for a minute", "cloud/oauth/exchange.go", "	case !g.valid(s.Now()):", "	case false:", ofAPI, "TestAppAttacks"},
	{"a refresh token is used once", "cloud/oauth/exchange.go", "s.Grants.Renew(ctx, digest, renewal); err == nil && !ok {", "s.Grants.Renew(ctx, digest, renewal); err == nil && ok && !ok {", ofAPI, "TestAppAttacks"},
	{"a refresh token is of its app", "cloud/oauth/exchange.go", "	case g.Client != c.ID:\n", "	case false:\n", ofAPI, "TestAppAttacks"},
	{"a refresh token is not idle for long", "cloud/oauth/exchange.go", "g.ID == \"\" || !g.valid(s.Now())", "g.ID == \"\"", ofAPI, "TestAppAttacks"},
	{"a refresh gives no more", "cloud/oauth/message.go", "	if fault == nil && asked.And(granted) != asked {", "	if false {", ofAPI, "TestAppAttacks"},
	{"an app that gets tokens is a member's", "cloud/oauth/exchange.go", "	if sconce.KindOf(err) == sconce.NotFound {", "	if false {", ofAPI, "TestAppAttacks"},
	{"an app that keeps a secret shows it", "cloud/oauth/client.go", "	if !right {", "	if false {", ofAPI, "TestConfidentialApp"},
	{"an app gives back what is its own", "cloud/oauth/exchange.go", "	if g.Client != c.ID {", "	if false {", ofAPI, "TestAppGivesBack"},
	{"an app is called back where it is registered", "cloud/oauth/consent.go", "	if !c.matches(r.Redirect) {", "	if false {", ofAPI, "TestConsentAttacks"},
	{"an app asks for what it is registered with", "cloud/oauth/consent.go", "fault == nil && r.Actions.And(c.Actions) != r.Actions", "false", ofAPI, "TestConsentAttacks"},
	{"somebody gives an app what they have", "cloud/oauth/consent.go", "	if q.Offered.And(actions) != actions {", "	if false {", ofAPI, "TestConsentAttacks"},
	{"somebody ends what they gave", "cloud/oauth/consent.go", "g.ID == \"\" || g.Account != who.Account", "g.ID == \"\"", ofAPI, "TestApp$"},
	{"a challenge is a digest", "cloud/oauth/request.go", "	case v.Get(\"code_challenge_method\") != \"S256\":", "	case false:", ofAPI, "TestConsentAttacks"},
	{"an API token is valid", "cloud/access/access.go", "	if !t.valid(now) {", "	if false {", "./cloud/access " + ofAPI, "Token"},
	{"a claim code is right", "cloud/registry/claim.go", "	if !proven(ids, code) {", "	if len(ids) < 0 {", "./cloud/registry", "TestClaim"},
	{"claim codes are limited", "cloud/registry/claim.go", "	if !s.claims.Take(now, who) {", "	if false {", "./cloud/registry", "TestGuess|TestClaim|Limited"},
	{"a project keeps an owner", "cloud/store/members.go", "	if err == nil && n == 0 {\n		return sconce.Errorf(sconce.Conflict, \"a project needs an owner", "	if n < 0 {\n		return sconce.Errorf(sconce.Conflict, \"a project needs an owner", ofProject, "TestLastOwner"},
	{"a deletion names its project", "cloud/deletion/deletion.go", "	if strings.TrimSpace(name) != is {", "	if strings.TrimSpace(name) == \"\" {", ofAPI, "TestDeletionOverTheAPI"},
	{"who deletes a project proves who they are", "cloud/deletion/deletion.go", "	if err := s.People.Prove(ctx, who.Session, who.Account, who.Password, who.From); err != nil {", "	if err != nil {", ofAPI, "TestDeletionOverTheAPI"},
	{"no program ends somebody's letters", "cloud/alert/service.go", "	if scope.Limited() {", "	if false {", "./cloud/alert", "TestNoTokenSilences"},
	{"webhooks call public addresses alone", "cloud/alert/hook.go", "a.Is6() && !unicast6.Contains(a)", "false", "./cloud/alert", "TestForbiddenAddresses"},
	{"no program deletes a project", "cloud/deletion/deletion.go", "	if scope.Limited() {", "	if false {", ofAPI, "TestIsolation"},
	{"a deletion waits for what was let in before", "cloud/deletion/run.go", "settled = settled && !s.Now().Before(d.Begun.Add(Settle))", "_ = Settle", ofStore, "TestDeletion$"},
	{"a deletion waits for the journal", "cloud/store/deletion.go", "	return position >= *r.JournalID, doing(", "	return position >= 0, doing(", ofStore, "TestDeletion$"},
	{"texts are agreed to first", "cloud/api/consent.go", "		if err := a.Consent.Require(ctx.Context(), who.account.ID); err != nil {", "		if err := error(nil); err != nil {", ofAPI, "TestAgreements"},
	{"a text is the one of now", "cloud/consent/consent.go", "		if !ok {", "		if !ok && len(d) == 0 {", ofAPI, "TestAgreements"},
	{"rows are guarded on PostgreSQL", "cloud/store/prepare.go", "	return execute(ctx, tx, statements...)\n}\n\n// unguarded", "	return nil\n}\n\n// unguarded", ofStore, "TestRowLevelSecurity"},
	{"the log only grows on PostgreSQL", "cloud/store/prepare.go", "var appendOnly = []string{\"security_log\"}", "var appendOnly []string", ofStore, "TestSecurityLogIsAppendOnlyOnPostgres"},
	{"the role is bound by policies", "cloud/store/postgres.go", "	if free || owner {", "	if false {", ofStore, "TestRolesThatAreNotBound"},
	{"a gateway publishes its own", "cloud/edge/handle.go", "	case !c.who.rights.MayPublish(p.Topic):", "	case false:", ofEdge, "TestOutsideOnesRights"},
	{"a client subscribes to its own", "cloud/edge/handle.go", "!c.who.rights.MaySubscribe(", "false && !c.who.rights.MaySubscribe(", ofEdge, "TestOutsideOnesRights|TestWebRights"},
	{"a will is published to its own", "cloud/edge/handle.go", "	case !c.who.rights.MayPublish(p.Will.Topic):", "	case false:", ofEdge, "TestOutsideOnesRights|TestWill"},
	{"a client identifier is the gateway's", "cloud/edge/handle.go", "		return \"\", \"\", mqtt.InvalidClientID", "		return gatewayKey(g), \"\", mqtt.Success", ofEdge, "TestClientIdentifierIsBound"},
	{"an app has a ticket", "cloud/edge/handle.go", "	case err == nil && principal.ID != \"\" && principal.Rights != nil:", "	case true:", ofEdge, "TestWebClientsAreAuthenticated"},
	{"Home Assistant is told one project", "cloud/homeassistant/topic.go", "strings.HasPrefix(filter, Prefix(r.Project)+\"/\")", "strings.HasPrefix(filter, root)", "./cmd/sconce", "TestHomeAssistantTopicIsolation"},
	{"Home Assistant commands if its token may", "cloud/homeassistant/topic.go", "r.Control && ", "", "./cmd/sconce", "TestHomeAssistantTopicIsolation"},
	{"Home Assistant commands lights of one project", "cloud/homeassistant/topic.go", "name, below := strings.CutPrefix(topic, Prefix(id)+\"/\")", "name, below := strings.CutPrefix(topic[min(len(topic), len(Prefix(id))):], \"/\")", "./cloud/homeassistant", "TestTopics"},
	{"Home Assistant is an option", "cmd/sconce/wiring.go", "	if home {", "	if home || !home {", "./cmd/sconce", "TestHomeAssistantTopicIsolation"},
	{"Home Assistant commands while it is on", "cloud/homeassistant/inbox.go", "light == 0 || !in.Desk.On(in.Project)", "light == 0", "./cloud/homeassistant", "TestInboxTellsWhy"},
	{"commands of a program are limited", "cloud/homeassistant/inbox.go", "	if !in.Desk.taken.Take(time.Now(), in.Program) {", "	if false {", "./cloud/homeassistant", "TestInboxIsLimited"},
	{"a token that commands is good", "cmd/sconce/wiring.go", "	if len(ended) > 0 {", "	if len(ended) < 0 {", "./cmd/sconce", "TestHomeAssistantCommands"},
	{"an option that was switched ends connections", "cmd/sconce/wiring.go", "			if p.home != v.home.On(p.token.Project) {", "			if p.home && !p.home {", "./cmd/sconce", "TestProgramsConnectAgain"},
	{"an inbox says no", "cloud/edge/handle.go", "	if sconce.KindOf(err) == sconce.Forbidden {\n		c.forbid(ev.Token)", "	if err == nil && err != nil {\n		c.forbid(ev.Token)", ofEdge, "TestInbox"},
	{"a page of another origin does not connect", "cloud/edge/web.go", "	if !s.originAllowed(r) {", "	if false {", ofEdge, "TestWebSocketUpgrade"},
	{"a device is in the registry", "cloud/edge/tls.go", "	_, err = s.cfg.Devices.Authenticate(s.stop, leaf)\n	return err", "	return nil", ofEdge, "TestHandshakeRefuses|TestResumption"},
	{"single values of occupancy stay in the building", "gateway/network/occupancy.go", "	case !n.keeps(d), m == sconce.ActivePower", "	case true, m == sconce.ActivePower", ofNetwork, ofDiscretion},
	{"when a sensor spoke stays in the building", "gateway/network/occupancy.go", "	s.Reachable, s.Heard, s.At = p.there, told, told\n", "", ofNetwork, ofDiscretion},
	{"when a light's sensor spoke stays in the building", "gateway/network/occupancy.go", "		s.Heard = max(told, s.At)\n", "", ofNetwork, ofDiscretion},
	{"states of sensors wait for the end of a period", "gateway/network/occupancy.go", "	return due || d.kind == sconce.Luminaire || !n.keeps(d)", "	return true || due", ofNetwork, ofDiscretion},
	{"a light that was heard is told as it changes", "gateway/network/presence.go", ">= heardEvery && !n.keeps(d) {", ">= heardEvery {", ofNetwork, ofDiscretion},
	{"who presses a switch stays in the building", "gateway/network/green.go", "			if !n.keeps(d) {\n", "			if true {\n", ofNetwork, ofDiscretion},
	{"periods are told whole", "gateway/network/occupancy.go", "		if s.whole {\n", "		if true {\n", ofNetwork, ofDiscretion},
	{"periods are known all through", "gateway/network/occupancy.go", "; !p.unknown && d.senses() {", "; d.senses() {", ofNetwork, ofDiscretion},
	{"discretion is kept over a restart", "gateway/loop.go", "	l.net.SetDiscretion(now, discretion(l.doc.Adopted))\n", "", "./gateway", "TestDiscretionIsKeptOverARestart"},
	{"a certificate is of the factory", "cloud/edge/tls.go", "	if err != nil {\n		return fmt.Errorf(\"verifying device certificate", "	if false {\n		return fmt.Errorf(\"verifying device certificate", ofEdge, "TestHandshakeRefuses"},
}

// call is a call of Scope.Require or Scope.RequireControl that is a check.
var call = regexp.MustCompile(`\bscope\.Require(?:Control)?\([^()]*\)`)

// testsOf are the tests of the calls, by the folder that they are in: those of the folder,
// and those that cross every route with every role.
var testsOf = map[string]string{
	"access": "./cloud/access", "alert": "./cloud/alert", "api": "", "deletion": "./cloud/deletion", "energy": "", "export": "./cloud/export", "homeassistant": "./cloud/homeassistant", "invitation": "", "lighting": "./cloud/lighting", "oauth": "./cloud/oauth", "project": ofProject, "registry": "./cloud/registry",
	"support": "", "telemetry": "./cloud/telemetry",
}

// twice are calls behind which the same is asked once more, so that no test can tell.
var twice = map[string]string{
	"cloud/project/members.go:23": "SetMember asks again",
}

// calls returns the checks that are calls, of the files below root.
func calls(root string) ([]guard, error) {
	var all []guard
	files, err := filepath.Glob(filepath.Join(root, "cloud", "*", "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		file, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		for _, at := range call.FindAllIndex(text, -1) {
			line := 1 + strings.Count(string(text[:at[0]]), "\n")
			name := fmt.Sprintf("%s:%d", filepath.ToSlash(file), line)
			if twice[name] != "" {
				continue
			}
			folder := filepath.Base(filepath.Dir(path))
			own, known := testsOf[folder]
			if !known {
				return nil, fmt.Errorf("%s: no tests are named for package %s", name, folder)
			}
			all = append(all, guard{
				name: name + " " + string(text[at[0]:at[1]]), file: file,
				from: string(text), to: string(text[:at[0]]) + "error(nil)" + string(text[at[1]:]),
				tests: strings.TrimSpace(own + " " + ofAPI), run: "TestEveryMethodAsks|TestIsolation|TestGrantedGroups|TestSupport|TestToken|TestTheZeroScope|TestProjectsAreApart|Scope|Asks|Requires|May",
			})
		}
	}
	return all, nil
}
