package sconce

import (
	"errors"
	"fmt"
	"time"
)

// ErrorKind is the small closed set of reasons that a caller may decide on.
// Everything else about an error is for people.
type ErrorKind uint8

// The kinds of error. An error without a kind is [Internal]: its text is for
// the log of the operator and is never shown to a user.
const (
	Internal        ErrorKind = iota // a fault of ours; the text is not for users
	Invalid                          // the request is wrong and stays wrong; the text says what was expected
	Unauthenticated                  // who asks is not known
	Forbidden                        // who asks is known and may not
	NotFound                         // it is not there, or the asker may not know that it is
	Conflict                         // it contradicts what is there now
	TooMany                          // a limit is reached; later may work
	Unavailable                      // a part that is needed is away; later may work
)

// String returns the kind in words.
func (k ErrorKind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Unauthenticated:
		return "unauthenticated"
	case Forbidden:
		return "forbidden"
	case NotFound:
		return "not found"
	case Conflict:
		return "conflict"
	case TooMany:
		return "too many"
	case Unavailable:
		return "unavailable"
	default:
		return "internal"
	}
}

// Error is an error with a kind. Its message may be shown to a user.
type Error struct {
	Kind    ErrorKind
	Message string
	Field   string // what is wrong, as the API calls it; "" when it is more than one thing
	// After is when it may be tried again; 0 when time alone changes nothing, or nobody knows.
	After time.Duration
	cause error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the error given to [Errorf] with %w, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Errorf returns an error of a kind whose message is fit for a user: it says
// what was expected or what to do. The verbs are those of [fmt.Errorf].
func Errorf(kind ErrorKind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), cause: errors.Unwrap(err)}
}

// LaterErrorf is [Errorf] for what may be tried again after some time.
func LaterErrorf(kind ErrorKind, after time.Duration, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), After: after, cause: errors.Unwrap(err)}
}

// FieldErrorf is [Errorf] for a field of a request that is [Invalid].
func FieldErrorf(field, format string, args ...any) error {
	return InField(field, Errorf(Invalid, format, args...))
}

// InField says of an error that is [Invalid] which field of a request it is about, in the
// place of what it said of that itself. Others are returned as they are.
func InField(field string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != Invalid {
		return err
	}
	return &Error{Kind: Invalid, Message: e.Message, Field: field, cause: err}
}

// KindOf returns the kind of the outermost [Error] in err's chain, and
// [Internal] when there is none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
