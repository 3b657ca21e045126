package identity

import (
	"container/list"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"sconce"
)

// TicketLife is how long a ticket can be used to connect.
const TicketLife = 15 * time.Minute

// maxTickets is how many tickets are held; one more forgets the oldest, whose
// app then asks for another. maxTicketsPerSession is the same for one session,
// so that no session can push out the tickets of others.
const (
	maxTickets           = 1 << 16
	maxTicketsPerSession = 16
)

// Memberships says which projects an account may see.
type Memberships interface {
	ProjectIDs(ctx context.Context, who sconce.AccountID) ([]sconce.ProjectID, error)
}

// Ticket is the user name and password with which an app connects for live data.
type Ticket struct {
	Username string
	Password Token
	Expires  time.Time
}

// Viewer is who connected with a ticket, and what they may receive: what the
// account could see when the ticket was made.
type Viewer struct {
	Account  sconce.AccountID
	Session  SessionID
	Projects []sconce.ProjectID
}

// Live makes tickets for live data and honours them. Tickets are kept in memory:
// after a restart of the cloud an app asks for another.
type Live struct {
	store    Store
	projects Memberships
	now      func() time.Time

	mu      sync.Mutex
	tickets map[string]*list.Element // of *ticket, by user name
	oldest  *list.List               // the same, by expiry
	held    map[SessionID]int        // tickets of each session
}

type ticket struct {
	username string
	password [sha256.Size]byte
	expires  time.Time
	viewer   Viewer
}

// NewLive returns a Live for the sessions in store.
func NewLive(store Store, projects Memberships, now func() time.Time) *Live {
	return &Live{
		store: store, projects: projects, now: now,
		tickets: map[string]*list.Element{}, oldest: list.New(), held: map[SessionID]int{},
	}
}

// Issue makes a ticket for a valid session. More than a few at a time in one
// session are a [sconce.TooMany].
func (l *Live) Issue(ctx context.Context, s Session) (Ticket, error) {
	projects, err := l.projects.ProjectIDs(ctx, s.Account)
	if err != nil {
		return Ticket{}, err
	}
	var name [12]byte
	rand.Read(name[:]) // never fails (crypto/rand)
	now := l.now()
	t := Ticket{Username: base64.RawURLEncoding.EncodeToString(name[:]), Password: NewToken(), Expires: now.Add(TicketLife)}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	if l.held[s.ID] >= maxTicketsPerSession {
		return Ticket{}, sconce.LaterErrorf(sconce.TooMany, time.Minute, "too many tickets for live data in a short time: try again in a few minutes")
	}
	if len(l.tickets) >= maxTickets {
		l.drop(l.oldest.Front())
	}
	l.tickets[t.Username] = l.oldest.PushBack(&ticket{
		t.Username, t.Password.Digest(), t.Expires, Viewer{s.Account, s.ID, projects},
	})
	l.held[s.ID]++
	return t, nil
}

// Authenticate returns who holds a ticket. For a ticket that is wrong, has
// expired or whose session or memberships have ended meanwhile, the error is a
// [sconce.Unauthenticated].
func (l *Live) Authenticate(ctx context.Context, username, password string) (Viewer, error) {
	token, err := ParseToken(password)
	if err != nil {
		return Viewer{}, err
	}
	viewer, ok := l.find(username, token.Digest())
	if !ok {
		return Viewer{}, errNotSignedIn()
	}
	ended, err := l.Ended(ctx, []Viewer{viewer})
	if err != nil {
		return Viewer{}, err
	}
	if len(ended) > 0 {
		return Viewer{}, errNotSignedIn()
	}
	return viewer, nil
}

func (l *Live) find(username string, password [sha256.Size]byte) (Viewer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(l.now())
	e, ok := l.tickets[username]
	if !ok {
		return Viewer{}, false
	}
	t := e.Value.(*ticket)
	return t.viewer, subtle.ConstantTimeCompare(t.password[:], password[:]) == 1
}

// Ended returns the indices of those viewers whose right has ended: their session
// is over, or they no longer belong to a project that they may receive. Whoever
// holds connections asks every two seconds, so that they end within five.
func (l *Live) Ended(ctx context.Context, viewers []Viewer) ([]int, error) {
	valid, err := l.validSessions(ctx, viewers)
	if err != nil {
		return nil, err
	}
	var ended []int
	projects := map[sconce.AccountID]map[sconce.ProjectID]bool{}
	for i, v := range viewers {
		if valid[v.Session] != v.Account || v.Account == "" {
			ended = append(ended, i)
			continue
		}
		now, known := projects[v.Account]
		if !known {
			if now, err = l.visible(ctx, v.Account); err != nil {
				return nil, err
			}
			projects[v.Account] = now
		}
		if slices.ContainsFunc(v.Projects, func(id sconce.ProjectID) bool { return !now[id] }) {
			ended = append(ended, i)
		}
	}
	return ended, nil
}

// validSessions returns the accounts of those viewers' sessions that are valid.
func (l *Live) validSessions(ctx context.Context, viewers []Viewer) (map[SessionID]sconce.AccountID, error) {
	const batch = 500 // bound values in one statement
	ids := make([]SessionID, len(viewers))
	for i, v := range viewers {
		ids[i] = v.Session
	}
	valid := make(map[SessionID]sconce.AccountID, len(ids))
	now := l.now()
	for some := range slices.Chunk(ids, batch) {
		sessions, err := l.store.Sessions(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, s := range sessions {
			if s.Valid(now) {
				valid[s.ID] = s.Account
			}
		}
	}
	return valid, nil
}

func (l *Live) expire(now time.Time) {
	for e := l.oldest.Front(); e != nil && !now.Before(e.Value.(*ticket).expires); e = l.oldest.Front() {
		l.drop(e)
	}
}

func (l *Live) drop(e *list.Element) {
	t := e.Value.(*ticket)
	l.oldest.Remove(e)
	delete(l.tickets, t.username)
	if l.held[t.viewer.Session]--; l.held[t.viewer.Session] == 0 {
		delete(l.held, t.viewer.Session)
	}
}

// visible returns the projects that an account may see now.
func (l *Live) visible(ctx context.Context, who sconce.AccountID) (map[sconce.ProjectID]bool, error) {
	ids, err := l.projects.ProjectIDs(ctx, who)
	set := make(map[sconce.ProjectID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set, err
}
