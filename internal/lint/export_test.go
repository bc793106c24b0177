package lint

import "time"

// Words is words for tests of the documentation.
func Words(d time.Duration) string { return words(d) }
