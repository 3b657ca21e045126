package ingest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
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
	full    error         // of every trial
	reading chan struct{} // when set, a read of the end sends to it twice: as it begins and to go on
}

// errHalfway says that a commit failed after it had become durable.
var errHalfway = errors.New("the disk answered too late")

func newHeldLog() *heldLog {
	return &heldLog{begun: make(chan ingest.Batch), let: make(chan error)}
}

func (l *heldLog) Pack(into, messages []byte) []byte { return append(into[:0], messages...) }

func (l *heldLog) Append(_ context.Context, b ingest.Batch) error {
	if b.Count == 0 { // a trial waits for nobody
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.full == nil {
			l.batches = append(l.batches, b)
		}
		return l.full
	}
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

func (l *heldLog) Count(context.Context, int64, int64) (int64, error) { return 0, nil }

func (l *heldLog) Prune(context.Context, time.Time, int) (int, error) { return 0, nil }

func (l *heldLog) breakReading(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

func (l *heldLog) fill(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = err
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

func (s *sender) send(sequences ...uint64) { s.sendBody(wire.Log{}, sequences...) }

// sendLarge sends messages of which five are enough to be packed ahead.
func (s *sender) sendLarge(sequences ...uint64) {
	s.sendBody(wire.Log{Lines: []wire.LogLine{{Message: strings.Repeat("x", 60<<10)}}}, sequences...)
}

func (s *sender) sendBody(body wire.Log, sequences ...uint64) {
	for _, n := range sequences {
		payload, err := wire.AppendUp(nil, wire.UpHeader{Version: wire.Version, Boot: 7, Sequence: n}, body)
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

// A disk that is full can be read all the time: the journal says that it is away until it has
// written again, also when nobody sends anything.
func TestAwayUntilItIsWritten(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		full := errors.New("no space on the disk")
		s.send(1)
		<-l.begun
		l.fill(full)
		l.let <- full
		<-time.After(time.Minute)
		s.send(2)
		synctest.Wait()
		s.want(2, ingest.ErrAway)
		if st, err := s.j.Stats(), s.j.Check(); !st.Away || !errors.Is(err, full) {
			t.Errorf("it says %v, and in its stats %+v", err, st)
		}
		l.fill(nil)
		<-time.After(10 * time.Second)
		if st, err := s.j.Stats(), s.j.Check(); st.Away || err != nil {
			t.Errorf("after it was written it says %v, and in its stats %+v", err, st)
		}
	})
}

// A commit that does not come back is told.
func TestACommitThatHangsIsTold(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		<-l.begun
		<-time.After(5 * time.Second)
		if err := s.j.Check(); err != nil {
			t.Error(err)
		}
		<-time.After(time.Minute)
		if err := s.j.Check(); err == nil {
			t.Error("a commit that hangs for a minute is not told")
		}
		l.let <- nil
		synctest.Wait()
		if err := s.j.Check(); err != nil {
			t.Error(err)
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
		if b.ID != 3 {
			t.Errorf("the batch has the number %d, want 3, after that of the trial", b.ID)
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

// A gateway that sends faster than the log commits is held back, and no more waits
// than a batch that is packed and one that gathers.
func TestAcceptBlocksWhileTooMuchWaits(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		wantBatch(t, <-l.begun, 1)
		const most = 1 << 14
		sent := make(chan uint64, 3*most)
		go func() {
			for n := uint64(2); n <= 3*most; n++ {
				s.send(n)
				sent <- n
			}
			close(sent)
		}()
		synctest.Wait()
		taken := len(sent)
		var next int64 = 2
		for next <= 3*most {
			l.let <- nil
			b := <-l.begun
			if next == 2 && (taken != b.Count+most || b.Count > most) {
				t.Errorf("%d messages were taken while a commit ran, want %d that are packed and %d", taken, b.Count, most)
			}
			if b.Count > most {
				t.Errorf("a batch of %d, at most %d are allowed", b.Count, most)
			}
			for _, n := range sequencesIn(t, b) {
				if n != next {
					t.Fatalf("message %d was committed when %d was next", n, next)
				}
				next++
			}
		}
		l.let <- nil
		synctest.Wait()
		s.want(3*most, nil)
	})
}

// What has gathered is packed while a commit runs, and is committed after it.
func TestMuchIsPackedDuringACommit(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		wantBatch(t, <-l.begun, 1)
		s.sendLarge(2, 3, 4, 5)
		synctest.Wait() // not enough yet
		s.sendLarge(6)
		synctest.Wait() // packed
		s.send(7, 1, 2)
		synctest.Wait()
		s.want(2)
		l.let <- nil
		wantBatch(t, <-l.begun, 2, 3, 4, 5, 6)
		synctest.Wait()
		s.want(1, nil)
		s.want(2)
		l.let <- nil
		wantBatch(t, <-l.begun, 7, -1, -2)
		synctest.Wait()
		s.want(2, nil)
		s.want(7)
		l.let <- nil
		synctest.Wait()
		s.want(1, nil, nil)
		s.want(7, nil)
	})
}

// A batch that was packed while the one before failed relies on it: a message that
// came again counts as held already.
func TestFailedCommitRefusesWhatIsPacked(t *testing.T) {
	runJournal(t, func(l *heldLog, s *sender) {
		s.send(1)
		<-l.begun
		s.send(1)
		s.sendLarge(2, 3, 4, 5, 6)
		synctest.Wait()
		s.send(7)
		l.let <- errors.New("no space on the disk")
		synctest.Wait()
		for n := uint64(2); n <= 7; n++ {
			s.want(n, ingest.ErrAway)
		}
		s.want(1, ingest.ErrAway, ingest.ErrAway)
		<-time.After(time.Second)
		s.sendLarge(1, 2, 3, 4, 5, 6)
		s.send(7)
		var got []int64
		for len(got) < 7 {
			b := <-l.begun
			got = append(got, sequencesIn(t, b)...)
			l.let <- nil
		}
		if want := []int64{1, 2, 3, 4, 5, 6, 7}; !slices.Equal(got, want) {
			t.Errorf("when they came again, %v were committed, want %v", got, want)
		}
		synctest.Wait()
		s.want(7, ingest.ErrAway, nil)
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
