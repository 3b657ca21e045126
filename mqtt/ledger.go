package mqtt

// Ledger is told what a session holds and what it loses, and says how much it may hold:
// sessions share one, so that all of them together stay within a limit. Sessions that share
// no lock call it at the same time.
type Ledger interface {
	// Hold adds to what is held; less than 0 gives back.
	Hold(bytes int)
	// Room returns how many bytes one session may have waiting at this moment.
	Room() int
	// Lose counts a message that a client will not get.
	Lose(Loss)
}

// Loss is why a client does not get a message.
type Loss byte

// The reasons.
const (
	LostFull     Loss = iota // the oldest in a queue that was full
	LostExpired              // of no more use
	LostTooLarge             // larger than the client takes
)
