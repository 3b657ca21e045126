package api

// The objects that the live topics carry too.
var (
	StateOf   = stateOf
	CommandOf = commandOf
)
