// Package naughty is the Big List of Naughty Strings, with which the tests fill in every
// field that people fill in: markup, scripts, SQL, right-to-left and combining characters,
// formats, emoji, reserved words.
//
// blns.json is of the npm package big-list-of-naughty-strings 1.0.0, by Max Woolf
// (https://github.com/minimaxir/big-list-of-naughty-strings), under the MIT licence
// beside it. It is for tests, and in no program.
package naughty

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed blns.json
var list []byte

// Strings returns the list. The error is a fault in the file.
func Strings() ([]string, error) {
	var all []string
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, fmt.Errorf("reading the list of naughty strings: %w", err)
	}
	return all, nil
}
