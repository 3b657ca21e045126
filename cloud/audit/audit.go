// Package audit is the security log: who did what to whose things, from where, and
// what came of it, so that nobody can change afterwards what it says without being
// found out.
//
// Entries stand in chains: one for each project, one for the installation and one
// for people's accounts. Each entry holds the SHA-256 (FIPS 180-4) of the one before,
// so that an entry which is altered, taken out, put in or moved breaks its chain there,
// and [Verify] names it. What a chain alone cannot show is that its end was cut off, or
// that all of it was made anew: for that, keep its [Head] in another place and
// compare.
//
// People, sessions and things are named by opaque identifiers: no entry holds
// personal data, and so none has to be changed when a person is forgotten. An entry is
// written in the transaction of the change that it speaks of, by package store; it
// is the store, too, that lets no entry be changed or removed.
//
// It is not the technical log (log/slog), which tells an operator how the programs
// are doing.
package audit

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sconce"
)

// Chain names a chain.
type Chain string

// The chains that are not a project's.
const (
	Installation Chain = "installation" // device identities, operators
	People       Chain = "people"       // accounts and their sessions
)

// OfProject returns the chain of a project.
func OfProject(id sconce.ProjectID) Chain { return Chain(id) }

// Result is what came of an action.
type Result string

// The results.
const (
	Done    Result = "done"
	Refused Result = "refused"
)

// Subject is who acted, as a kind and an opaque name: "account:0190a6e2-…",
// "gateway:00124b0000000001", or [Operator] or [Nobody].
type Subject string

// The subjects without a name.
const (
	Operator Subject = "operator" // somebody with a shell on the cloud's machine
	Nobody   Subject = "nobody"   // not known: nobody is signed in
)

// Account returns a person as a subject, [Nobody] for "".
func Account(id sconce.AccountID) Subject {
	if id == "" {
		return Nobody
	}
	return Subject("account:" + id)
}

// Gateway returns a gateway as a subject.
func Gateway(id sconce.EUI64) Subject { return Subject("gateway:" + id.String()) }

// Origin is where an action came from: by which session, token or program. It is
// opaque as well: only the identity database knows which device a session is on. Of a
// sign-in that was refused, for which there is no session, it is the network and the kind of
// program, too coarse to say who it was: "network:203.0.113.0/24 Firefox on Linux".
type Origin string

// Console is the origin of what an operator does with sconce ctl.
const Console Origin = "console"

// Action says what was done, as thing and verb: "member.set".
type Action string

// The actions of the log. They are part of the stored entries: never renamed.
const (
	ProjectMade        Action = "project.made"
	MemberSet          Action = "member.set"
	MemberRemoved      Action = "member.removed"
	InvitationMade     Action = "invitation.made"
	InvitationRevoked  Action = "invitation.revoked"
	InvitationAccepted Action = "invitation.accepted"
	NetworkMade        Action = "network.made"
	GatewayClaimed     Action = "gateway.claimed"
	GatewayReleased    Action = "gateway.released"
	DeviceAdded        Action = "device.added"
	DeviceRemoved      Action = "device.removed"
	GroupMade          Action = "group.made"
	GroupRenamed       Action = "group.renamed"
	GroupChanged       Action = "group.changed"
	GroupDeleted       Action = "group.deleted"
	TelemetryExported  Action = "telemetry.exported"
	DeletionAsked      Action = "project.deletion-asked"
	DeletionTakenBack  Action = "project.deletion-taken-back"
	DeletionBegun      Action = "project.deletion-begun"
	ProjectDeleted     Action = "project.deleted"
	SupportAsked       Action = "support.asked"
	SupportGranted     Action = "support.granted"
	SupportUsed        Action = "support.used" // the target says for which operation
	SupportEnded       Action = "support.ended"
	OperatorMade       Action = "operator.made"
	OperatorRemoved    Action = "operator.removed"
	IdentitiesAdded    Action = "identities.added"
	IdentityRevoked    Action = "identity.revoked"
	KeysChanged        Action = "vault.keys-changed"
	JournalRebuilt     Action = "journal.rebuilt" // the detail says from which batches
	AccessRefused      Action = "access.refused"  // the target says which operation
	RefusalsLeftOut    Action = "refusals.left-out"
	AccountMade        Action = "account.made"
	SignedIn           Action = "session.opened"
	SignInRefused      Action = "session.refused"
	SessionEnded       Action = "session.ended"
	PasswordChanged    Action = "account.password-changed"
	AccountCorrected   Action = "account.corrected"
	AccountExported    Action = "account.exported"
	AccountErased      Action = "account.erased"
	AccountAgreed      Action = "account.agreed"
	AllSessionsEnded   Action = "session.all-ended"
	OtherSessionsEnded Action = "session.others-ended"
	PasskeyAdded       Action = "account.passkey-added"
	PasskeyRemoved     Action = "account.passkey-removed"
	PasskeySuspected   Action = "account.passkey-suspected"
	EmailChanged       Action = "account.email-changed"
	ProviderLinked     Action = "account.provider-linked"
	ProviderUnlinked   Action = "account.provider-unlinked"
	SecondStepSet      Action = "account.second-step-set"
	SecondStepRemoved  Action = "account.second-step-removed"
	RecoveryCodesMade  Action = "account.recovery-codes-made"
	RecoveryCodeUsed   Action = "account.recovery-code-used"
	TokenMade          Action = "token.made"
	TokenRevoked       Action = "token.revoked"
	ClientMade         Action = "app.registered"
	ClientRemoved      Action = "app.removed"
	GrantMade          Action = "app.let-in"
	GrantRedeemed      Action = "app.admitted" // it exchanged its code
	GrantEnded         Action = "app.ended"    // the detail says why, unless its person or an owner ended it
	AlertSeen          Action = "alert.acknowledged"
	AlertNoted         Action = "alert.noted"
	AlertRulesChanged  Action = "alert.rules-changed"
	AlertHookMade      Action = "alert.hook-made"
	AlertHookRemoved   Action = "alert.hook-removed"
	EnergySet          Action = "energy.settings-changed"
	OccupancySet       Action = "occupancy.detail-changed"
	DeviceReplaced     Action = "device.replaced"
	HomeAssistantSet   Action = "home-assistant.switched" // the detail says on or off
)

// Event is what an entry speaks of.
type Event struct {
	At     time.Time // kept to the millisecond, UTC
	Who    Subject
	Origin Origin
	Action Action
	Target string // what it was done to, an opaque identifier; "" for the chain's own thing
	Detail string // what else is to be known, not personal: "role=expert"
	Result Result
}

// maxText is the largest length of each text of an event, in bytes; [Head.Next] cuts
// a longer one and makes it printable, for losing an entry would be worse.
const maxText = 200

func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
