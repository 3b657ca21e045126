package ingest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sconce"
	"sconce/cloud/ingest"
	"sconce/cloud/store/storetest"
	"sconce/wire"
)

// heldLog is a log in memory whose commits wait until the test lets them go.
type heldLog struct {
	begun chan ingest.Batch // receives each batch whose commit begins
	let   chan error        // what becomes of it

	mu      sync.Mutex
	batches []ingest.Batch
	broken  error         // of every read
	reading chan struct{} // when set, a read of the end sends to it twice: as it begins and to go on
}

// errHalfway says that a commit failed after it had become durable.
var errHalfway = errors.New("the disk answered too late")

func newHeldLog() *heldLog {
	return &heldLog{begun: make(chan ingest.Batch), let: make(chan error)}
}

func (l *heldLog) Append(ctx context.Context, b ingest.Batch) error {
	l.begun <- b
	err := <-l.let
	if err != nil && !errors.Is(err, errHalfway) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b.Messages = slices.Clone(b.Messages)
	l.batches = append(l.batches, b)
	return err
}

func (l *heldLog) Last(context.Context) (int64, error) {
	if l.reading != nil {
		l.reading <- struct{}{}
		l.reading <- struct{}{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.batches)), l.broken
}

func (l *heldLog) After(_ context.Context, id int64, _ int) ([]ingest.Batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.batches[id:], l.broken
}

func (l *heldLog) Prune(context.Context, time.Time, int) (int, error) { return 0, nil }

func (l *heldLog) breakReading(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

// noResults is results that nothing was projected to.
type noResults struct{ ingest.Results }

func (noResults) Position(context.Context) (int64, error)                { return 0, nil }
func (noResults) Runs(context.Context, func(ingest.Run)) error           { return nil }
func (noResults) Placements(context.Context) ([]ingest.Placement, error) { return nil, nil }

const gateway = sconce.EUI64(0x00124b0012ab34cd)

// sender sends messages of one run of a gateway and keeps the answers.
type sender struct {
	t *testing.T
	j *ingest.Journal

	mu      sync.Mutex
	answers map[uint64][]error // by token, which is the sequence number
}

func newSender(t *testing.T, j *ingest.Journal) *sender {
	return &sender{t: t, j: j, answers: map[uint64][]error{}}
}

func (s *sender) send(sequences ...uint64) {
	for _, n := range sequences {
		payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: 7, Sequence: n}, wire.Log{})
		if err != nil {
			s.t.Error(err)
		}
		s.j.Accept(gateway, wire.UpTopic(gateway, wire.KindLog), payload, n, s.done)
	}
}

func (s *sender) done(token uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[token] = append(s.answers[token], err)
}

// want checks the answers that a message has had.
func (s *sender) want(sequence uint64, answers ...error) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.answers[sequence]
	if !slices.EqualFunc(got, answers, func(a, b error) bool { return errors.Is(a, b) }) {
		s.t.Errorf("message %d was answered %v, want %v", sequence, got, answers)
	}
}

// sequencesIn returns the numbers of the entries of a batch, those of duplicates
// negative.
func sequencesIn(t *testing.T, b ingest.Batch) (all []int64) {
	t.Helper()
	for rest := b.Messages; len(rest) > 0; {
		e, after, err := ingest.ParseEntry(rest)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(e.Sequence)
		if e.Duplicate {
			n = -n
		}
		all, rest = append(all, n), after
	}
	return all
}

// runJournal runs fn in virtual time with a journal on a held log.
func runJournal(t *testing.T, fn func(l *heldLog, s *sender)) {
	synctest.Test(t, func(t *testing.T) {
		l := newHeldLog()
		j, err := ingest.NewJournal(t.Context(), l, noResults{}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { j.Run(ctx) })
		fn(l, newSender(t, j))
		stop()
		running.Wait()
	})
}

func wantBatch(t *testing.T, b ingest.Batch, sequences ...int64) {
	t.Helper()
	if got := sequencesIn(t, b); !slices.Equal(got, sequences) || b.Count != len(sequences) {
		t.Errorf("batch %d of %d holds %v, want %v", b.ID, b.Count, got, sequences)
	}
}

func TestAcknowledgedOnlyAfterTheCommit(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		wantBatch(t, <-l.begun, 1)
		s.send(2, 1) // while the commit runs: gathered, the copy of 1 too
		synctest.Wait()
		s.want(1)
		s.want(2)
		l.let <- nil
		wantBatch(t, <-l.begun, 2, -1)
		synctest.Wait()
		s.want(1, nil)
		s.want(2)
		l.let <- nil
		synctest.Wait()
		s.want(1, nil, nil)
		s.want(2, nil)
	})
}

func TestFailedCommitAcknowledgesNothing(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		<-l.begun
		s.send(1, 2)
		l.let <- errors.New("no space on the disk")
		synctest.Wait()
		s.want(1, ingest.ErrAway, ingest.ErrAway)
		s.want(2, ingest.ErrAway)
		if st := s.j.Stats(); !st.Away || st.Failures != 1 {
			t.Errorf("stats say %+v", st)
		}
		s.send(3)
		synctest.Wait()
		s.want(3, ingest.ErrAway)

		l.breakReading(errors.New("still no space"))
		<-time.After(time.Minute)
		s.send(4)
		synctest.Wait()
		s.want(4, ingest.ErrAway)
		l.breakReading(nil)
		<-time.After(10 * time.Second)
		s.send(1, 2, 3)
		b := <-l.begun
		l.let <- nil
		if b.Count < 3 { // the first of them may have been on its own
			<-l.begun
			l.let <- nil
		}
		synctest.Wait()
		s.want(1, ingest.ErrAway, ingest.ErrAway, nil)
		s.want(3, ingest.ErrAway, nil)
		if st := s.j.Stats(); st.Away || st.Duplicates != 1 {
			t.Errorf("stats say %+v; only the copy of 1 before the failure was a duplicate", st)
		}
	})
}

// What comes while the journal looks for where it stands is not in its next batch,
// and must not be acknowledged with it.
func TestMessageDuringTheRecoveryIsRefused(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		<-l.begun
		l.reading = make(chan struct{})
		l.let <- errors.New("no space on the disk")
		<-l.reading
		s.send(2)
		<-l.reading
		synctest.Wait()
		s.want(2, ingest.ErrAway)
		s.send(3)
		wantBatch(t, <-l.begun, 3)
		l.let <- nil
		synctest.Wait()
		s.want(3, nil)
		s.want(2, ingest.ErrAway)
	})
}

// A commit can fail in its answer only: then the gateway sends again what is there.
func TestCommitThatFailedHalfwayCountsOnce(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		<-l.begun
		l.let <- errHalfway
		synctest.Wait()
		s.want(1, ingest.ErrAway)
		<-time.After(time.Second)
		s.send(1)
		b := <-l.begun
		l.let <- nil
		wantBatch(t, b, -1)
		if b.ID != 2 {
			t.Errorf("the batch has the number %d, want 2", b.ID)
		}
		synctest.Wait()
		s.want(1, ingest.ErrAway, nil)
	})
}

func TestStoppedJournalRefuses(t *testing.T) {
	j, err := ingest.NewJournal(t.Context(), newHeldLog(), noResults{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(t, j)
	s.send(1)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	j.Run(ctx)
	s.want(1, ingest.ErrStopped)
	s.send(2)
	s.want(2, ingest.ErrStopped)
}

// A gateway that sends faster than the log commits is held back, and no more than
// a batch waits.
func TestAcceptBlocksWhileTooMuchWaits(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		first := <-l.begun
		wantBatch(t, first, 1)
		const most = 1 << 14
		sent := make(chan uint64, 2*most)
		go func() {
			for n := uint64(2); n <= most+2; n++ {
				s.send(n)
				sent <- n
			}
			close(sent)
		}()
		synctest.Wait()
		if n := len(sent); n != most {
			t.Errorf("%d messages were taken while a commit ran, want %d", n, most)
		}
		l.let <- nil
		second := <-l.begun
		l.let <- nil
		third := <-l.begun
		l.let <- nil
		if second.Count != most || third.Count != 1 {
			t.Errorf("batches of %d and %d followed, want %d and 1", second.Count, third.Count, most)
		}
		synctest.Wait()
		s.want(most+2, nil)
	})
}

// What no gateway should send is kept and acknowledged: it neither gets lost nor
// comes for ever.
func TestUnreadableMessagesAreKept(t *testing.T) {
	s := storetest.Open(t)
	site := storetest.MakeSite(t, s, gateway)
	in := newPlant(t, s)
	in.accept(site.Gateway, wire.UpTopic(gateway, wire.KindState), []byte("not CBOR at all"))
	in.accept(site.Gateway, wire.UpTopic(gateway+1, wire.KindState), in.message(1, 1, wire.State{}))
	in.accept(site.Gateway, wire.UpTopic(gateway, "later"), in.message(1, 1, wire.State{}))
	in.accept(site.Gateway, wire.UpTopic(gateway, wire.KindState), in.message(1, 2, wire.Readings{Readings: []wire.Reading{{Device: 1, Metric: 1}}}))
	if st := in.journal.Stats(); st.Messages != 4 || st.Malformed != 2 || st.Unknown != 1 {
		t.Errorf("stats say %+v", st)
	}
	in.project()
	tables := in.tables()
	if n := len(tables.Poison); n != 3 {
		t.Errorf("%d messages were set aside, want 3: %+v", n, tables.Poison)
	}
	if len(tables.Runs) != 1 || tables.Runs[0].Received != 2 || tables.Runs[0].Unknown != 1 || tables.Runs[0].Malformed != 1 {
		t.Errorf("the account says %+v", tables.Runs)
	}
}
