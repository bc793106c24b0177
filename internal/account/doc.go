// Package account is the users: their names, passwords and roles.
//
// # Guessing passwords
//
// A password is at least 8 characters and at most 1,024 bytes, taken exactly as
// received, of any composition. It is refused when a guesser by the model of zxcvbn and a list of words
// (words.txt, Indonesian ones among them) find it guessable; the username,
// "sandi" and the configured words count as known to a guesser. It never expires.
//
// A password is tried against three counters, and hashed only when all let it pass:
//
//   - the pair of user and address: 5 failures are free, then the wait is 1 s and
//     doubles up to 15 min; a success forgets them;
//   - the address (an IPv4 address, an IPv6 /64): the same with 30 free failures,
//     which a success does not forget, so that nobody clears it with an account of his own;
//   - the user, for all addresses together: 100 tries at once, then one a minute.
//
// An address from which the user has logged in before is subject to the first
// one alone. So strangers can slow each other down, and slow down the user's
// first login from a new address, but never keep the user out of a place where he
// has been: what this process does not remember is looked up among the places
// that the store keeps, eight for each user and for 90 days, those of an earlier
// password left out. No counter locks for good. A try is counted before the password is
// looked at, so that a thousand at once are no way around.
//
// An unknown user, a disabled user and a wrong password get the same answer
// after the same work: one hash at the configured cost. A hash stored at a lower
// one is topped up to it; one stored at a higher cost, or with other lanes, takes its own
// time until its user logs in, or the cost is raised again. Hashes run on a bounded number of cores with a
// bounded queue; beyond it logins are answered 503 rather than left to pile up.
// New passwords are judged behind a gate of their own, after their owner is known.
//
// A hash that came from another system (Import) is verified as it is, under the same gate,
// topped up in time to what a hash of our own took last, and replaced by one in the same login.
// Its cost has limits: at most 128 MiB and one or two seconds of a core. One that is
// costlier than our own tells, until that first login, that there is such a user; afterwards nothing does.
package account
