package key

import "errors"

// Refusal is key material that Sandi will not work with, and what to do about
// it. Neither sentence holds a byte of the material.
type Refusal struct {
	message, hint string
}

// Error says what is wrong.
func (r *Refusal) Error() string { return r.message }

// Hint says what to do.
func (r *Refusal) Hint() string { return r.hint }

func refuse(message, hint string) error { return &Refusal{message, hint} }

// hint is what a refusal advises, "" for any other error.
func hint(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.hint
	}
	return ""
}
