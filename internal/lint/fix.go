package lint

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Change is what --fix makes of one source.
type Change struct {
	Source *Source // as the file has it, with its byte order mark
	Edits  []Edit  // in the order of the text; none overlaps another
}

// Changes are the edits of findings, by source. Of two that overlap the one of the worse finding is taken; the next run finds what is left.
func Changes(findings []Finding) []Change {
	var all []Change
	for _, f := range slices.SortedStableFunc(slices.Values(findings), func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Source.Name, b.Source.Name), -cmp.Compare(a.Severity, b.Severity))
	}) {
		if f.Fix == nil || f.Source.Text == nil || f.Fix.At.Start > f.Fix.At.End || f.Fix.At.End > len(f.Source.Text) {
			continue
		}
		if n := len(all); n == 0 || all[n-1].Source.Name != f.Source.Name {
			all = append(all, Change{Source: f.Source.whole()})
		}
		c, edit := &all[len(all)-1], f.Source.inFile(*f.Fix)
		if !slices.ContainsFunc(c.Edits, func(e Edit) bool { return edit.At.Start < e.At.End && e.At.Start < edit.At.End || e.At == edit.At }) {
			c.Edits = append(c.Edits, edit)
		}
	}
	for _, c := range all {
		slices.SortFunc(c.Edits, func(a, b Edit) int { return cmp.Compare(a.At.Start, b.At.Start) })
	}
	return all
}

// whole is the source with its byte order mark, if it has one.
func (s *Source) whole() *Source {
	if !s.Marked {
		return s
	}
	w := &Source{Name: s.Name, Text: append([]byte(byteOrderMark), s.Text...)}
	for _, at := range s.Secrets {
		at.Start, at.End = at.Start+len(byteOrderMark), at.End+len(byteOrderMark)
		w.Secrets = append(w.Secrets, at)
	}
	return w
}

// inFile is an edit of Text as one of the file.
func (s *Source) inFile(e Edit) Edit {
	if s.Marked {
		e.At.Start, e.At.End = e.At.Start+len(byteOrderMark), e.At.End+len(byteOrderMark)
	}
	return e
}

// Text is the source with the edits.
func (c *Change) Text() []byte { return edited(c.Source.Text, c.Edits) }

// edited is a text with edits, every other byte as it was.
func edited(text []byte, edits []Edit) []byte {
	var b bytes.Buffer
	at := 0
	for _, e := range edits {
		b.Write(text[at:e.At.Start])
		b.WriteString(e.New)
		at = e.At.End
	}
	b.Write(text[at:])
	return b.Bytes()
}

// Errors of Change.Write.
var (
	ErrChanged = errors.New("the file changed since it was read: run it again")
	ErrPacked  = errors.New("the file is in a zip: unpack it to have it mended")
)

// Write puts the text in the place of the file, at once or not at all, with the mode that it has; where the file is a symbolic link, in the place
// of what it names. The errors are ErrChanged, ErrPacked and those of the file system.
func (c *Change) Write() error {
	path, err := filepath.EvalSymlinks(filepath.FromSlash(c.Source.Name))
	if err != nil {
		if strings.Contains(c.Source.Name, "!") {
			err = ErrPacked
		}
		return fmt.Errorf("mend %s: %w", c.Source.Name, err)
	}
	if err := c.replace(path); err != nil {
		return fmt.Errorf("mend %s: %w", c.Source.Name, err)
	}
	return nil
}

func (c *Change) replace(path string) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".sandi-lint-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(next.Name()))
		}
	}()
	_, err = next.Write(c.Text())
	// The owner follows from whoever mends it; the mode is the file's, as far as this system knows modes.
	err = errors.Join(err, next.Chmod(info.Mode().Perm()), next.Sync(), next.Close())
	if err != nil {
		return err
	}
	// Last, so that hardly anything can come between.
	now, err := os.ReadFile(path)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(now, c.Source.Text):
		return ErrChanged
	}
	return os.Rename(next.Name(), path)
}
