package privacy

import "time"

// Rule is how long the rows of a table are kept.
type Rule struct {
	Name  string
	After time.Duration // 0: not by time
	Words string        // to be read by people
}

const day = 24 * time.Hour

// rules are all of them. Where there is a time, the package that owns the rows has the
// same one, to which a test holds this table.
var rules = []Rule{
	{"account", 0, "as long as the account; gone when it is erased"},
	{"session", 30 * day, "until signing out, or 7 days after the last use, and no longer than 30 days"},
	{"token", 366 * day, "until its maker revokes it or its time is over, at most 366 days"},
	{"let-in", 366 * day, "until its person ends it, the app is removed, or it was not used for 30 days; no longer than 366 days"},
	{"sign-in", 90 * day, "90 days, and of one account no more than the last 100, and the last 100 that were refused"},
	{"once", day, "24 hours"},
	{"link", 7 * day, "until it was used, or its time is over: an hour for a new password, 24 hours for another address, 7 days to bring a former address back"},
	{"letter", day, "until it was sent; given up after 24 hours"},
	{"invitation", 7 * day, "until it was accepted or taken back, and no longer than 7 days"},
	{"support", 90 * day, "90 days after its end"},
	{"alert", 2 * 366 * day, "2 years after its end, and of one project no more than the last 10,000"},
	{"member", 0, "until the person leaves the project"},
	{"project", 0, "as long as the project, which an owner deletes: it goes a week later"},
	{"installation", 0, "as long as the installation"},
	{"unsealed", 0, "until the first start of a version that seals it"},
	{"journal", 90 * day, "90 days"},
	{"base", 0, "until the journal begins after it, which is within 120 days, and no longer than the project"},
	{"reading", 90 * day, "90 days, or what the operator chose, and no longer than the project; the last 159 of each kind until there are more"},
	{"event", 2 * 366 * day, "2 years, or what the operator chose, and no longer than the project"},
	{"sum", 10 * 366 * day, "quarters of an hour for 2 years, days for 10, or what the operator chose, and no longer than the project"},
	{"log", 0, "for ever, so that nothing can be denied; it names people by opaque identifiers only, which mean nothing once a person was erased"},
}

// Rules returns all rules of retention.
func Rules() []Rule { return append([]Rule(nil), rules...) }

func ruleNamed(name string) (Rule, bool) {
	for _, r := range rules {
		if r.Name == name {
			return r, true
		}
	}
	return Rule{}, false
}
