// Package console is the pages: sign-in, consent, device, sign-out, and the user's own security settings.
//
//	/signin ── password ──> /signin/code, where there is a second factor ──> sign-in ──> /consent, or a page of ours
//	/consent ── allow, deny ──> package oauth ──> the client
//
// They work without scripts. What a page needs stands in the pending request that package oauth keeps, or in its own form; a form counts only in
// the browser, and for the sign-in, that it was loaded for. Whatever changes something is sent by POST and answered by 303, or by a page that
// goes on by itself, but for what is shown once: the secret of a second factor, and recovery codes.
package console
