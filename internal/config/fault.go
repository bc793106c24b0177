package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing wrong with a configuration.
type Fault struct {
	Path    string `json:"path,omitempty"`   // the setting, "token.access"; empty for the file as a whole
	Source  string `json:"source,omitempty"` // the file, the variable, or "command line"; empty when the value is a default
	Line    int    `json:"line,omitempty"`   // in the file, from 1; 0 elsewhere
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do about it
}

// String is the fault in one line, without its hint.
func (f Fault) String() string {
	var b strings.Builder
	if f.Source != "" {
		b.WriteString(f.Source)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column))
		}
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	return b.String() + f.Message
}

// Error is every fault of a configuration, in the order of its source.
type Error struct {
	Faults []Fault
}

// Error implements error.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// faults collects.
type faults struct {
	list []Fault
}

func (fs *faults) add(f Fault) { fs.list = append(fs.list, f) }

// at adds a fault of a setting, if it is the setting's first.
func (fs *faults) at(path, hint, format string, args ...any) {
	if !fs.has(path, "") {
		fs.add(Fault{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
}

// has says whether a setting, as this source set it, is already at fault.
func (fs *faults) has(path, source string) bool {
	return slices.ContainsFunc(fs.list, func(f Fault) bool { return f.Path == path && f.Source == source })
}

func (fs *faults) err() error {
	if len(fs.list) == 0 {
		return nil
	}
	return &Error{Faults: fs.list}
}

// nearest is the known name that name was probably meant to be, or "".
func nearest(name string, known []string) string {
	best, least := "", 2+len(name)/4
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the single-byte edits between two names (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
