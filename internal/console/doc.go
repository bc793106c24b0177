// Package console is the pages: sign-in, consent, device, sign-out, and the user's own security settings. They work
// without scripts, and hold what they need in the pending request that package oauth keeps.
package console
