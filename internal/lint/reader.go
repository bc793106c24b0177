package lint

// Reader knows one format. It keeps no state and is safe for concurrent use.
type Reader struct {
	// Format is the name for --as: "apigee", "keycloak", "terraform".
	Format string
	// Is says by name and content whether a source is of this format. It is quick: it looks at the beginning, or for a word, and parses nothing.
	Is func(s *Source) bool
	// Read returns the policies. An error is an *Unreadable: SND901. A source that turns out to hold nothing about tokens is no policies and no error.
	Read func(s *Source) ([]Policy, error)
}

// Unreadable is a source that its format's parser refuses, or that is beyond a limit.
type Unreadable struct {
	At      Span
	Problem string // "is not well-formed XML: ..."
}

// Error implements error.
func (u *Unreadable) Error() string { return u.Problem }

// Limits of what is read.
const (
	MaxFile  = 32 << 20 // bytes of a source; a larger one is SND901
	MaxDepth = 200      // of elements, mappings, expressions
)

// Readers are all of them, in the order in which they are asked; the first that says so has the source.
func Readers() []Reader {
	var all []Reader
	for _, of := range []func() []Reader{apigeeReaders, structuredReaders, terraformReaders, codeReaders} {
		all = append(all, of()...)
	}
	return all
}
