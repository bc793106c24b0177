package lint

// cryptoRules are about how tokens are signed and checked.
func cryptoRules() []Rule {
	return []Rule{
		{
			ID: "SND301", Name: "alg-none", Severity: Error, Check: algorithmNone,
			Summary: `The algorithm "none" is accepted.`,
			Why:     "A token without a signature is anybody's word: its lifetime, subject and roles are whatever its bearer wrote.",
			Fix:     "Name the algorithms that you sign with, and no other.",
			Sources: []string{"RFC 8725 sections 3.1, 3.2", "OWASP ASVS 5.0 9.1.2"},
			Bad:     `jwt.verify(token, key, { algorithms: ["RS256", "none"] })`,
			Good:    `jwt.verify(token, key, { algorithms: ["RS256"] })`,
		},
		{
			ID: "SND302", Name: "weak-secret", Severity: Error, Check: weakSecret,
			Summary: "The secret that signs tokens can be guessed.",
			Why:     "One token is enough to try secrets against, millions a second, without asking anybody. Below 32 bytes for HS256, 48 for HS384 and 64 for HS512, made of words, or repeating itself.",
			Fix:     "32 to 64 bytes from a random generator, kept out of the source; or a key pair.",
			Sources: []string{"RFC 7518 section 3.2", "RFC 8725 section 3.5", "OWASP ASVS 5.0 11.2.3"},
			Bad:     `app.config["JWT_SECRET_KEY"] = "super-secret"`,
			Good:    `app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"]  # openssl rand -hex 32`,
		},
		{
			ID: "SND303", Name: "secret-in-file", Severity: Error, Check: secretInFile,
			Summary: "A secret that signs tokens stands in the file.",
			Why:     "Everybody who can read the file, its history, a backup or a build can write tokens, for as long as the secret is not changed.",
			Fix:     "Take it from the environment or a secret store, and change it: it has been seen.",
			Sources: []string{"OWASP ASVS 5.0 13.3.1"},
			Bad:     `app.config["JWT_SECRET_KEY"] = "super-secret"`,
			Good:    `app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"]`,
		},
		{
			ID: "SND304", Name: "mixed-algorithms", Severity: Error, Check: mixedAlgorithms,
			Summary: "Algorithms with a shared secret and with a public key are both accepted.",
			Why:     "A library that takes one key for both lets anybody sign with the public key as if it were the secret.",
			Fix:     "One kind of algorithm for one key.",
			Sources: []string{"RFC 8725 sections 2.1, 3.1", "OWASP ASVS 5.0 9.1.2"},
			Bad:     `jwt.verify(token, publicKey, { algorithms: ["HS256", "RS256"] })`,
			Good:    `jwt.verify(token, publicKey, { algorithms: ["RS256"] })`,
		},
		{
			ID: "SND305", Name: "not-verified", Severity: Error, CheckBundle: notVerified,
			Summary: "A token is read without being verified.",
			Why:     "Decoding checks neither who wrote a token nor whether it has ended.",
			Fix:     "Verify, and leave the expiry checked.",
			Sources: []string{"RFC 8725 section 3.3", "OWASP ASVS 5.0 9.1.1, 9.2.1"},
			Bad:     "jwt.verify(token, key, { algorithms: [\"RS256\"], ignoreExpiration: true })",
			Good:    "jwt.verify(token, key, { algorithms: [\"RS256\"] })",
		},
	}
}

// cookieRules are about how tokens travel.
func cookieRules() []Rule {
	return []Rule{
		{
			ID: "SND401", Name: "token-in-query", Severity: Error, Check: tokenInQuery,
			Summary: "A token is taken from the address.",
			Why:     "Addresses stand in logs of servers and proxies, in histories and Referer headers, and live there longer than the token should.",
			Fix:     "The header Authorization, or a cookie with its flags.",
			Sources: []string{"RFC 9700 section 4.3.2", "RFC 6750 section 2.3", "OWASP ASVS 5.0 14.2.1"},
			Bad:     "<AccessToken>request.queryparam.access_token</AccessToken>",
			Good:    "<!-- no AccessToken: the header Authorization is read -->",
		},
		{
			ID: "SND402", Name: "cookie-flags", Severity: Error, Check: cookieFlags,
			Summary: "A cookie with a token lacks a flag.",
			Why: "Without Secure it travels in the clear, without HttpOnly scripts take it: errors. Without SameSite other sites' pages send it, without the prefix __Host- (or __Secure-) " +
				"a neighbouring host plants its own: warnings, and a note where the name is the product's default.",
			Fix:     "Secure, HttpOnly, SameSite=Lax or Strict, and a name that begins with __Host-.",
			Sources: []string{"OWASP ASVS 5.0 3.3.1, 3.3.2, 3.3.4", "RFC 6265bis section 4.1.3"},
			Bad:     "JWT_TOKEN_LOCATION = [\"cookies\"]\nJWT_COOKIE_SECURE = False",
			Good:    "JWT_TOKEN_LOCATION = [\"cookies\"]\nJWT_COOKIE_SECURE = True\nJWT_COOKIE_SAMESITE = \"Lax\"\nJWT_ACCESS_COOKIE_NAME = \"__Host-access\"",
		},
		{
			ID: "SND403", Name: "cookie-outlives-token", Severity: Warning, Check: cookieOutlives,
			Summary: "A cookie lasts longer than the token in it, or goes where it is not needed.",
			Why:     "The browser keeps sending what is refused, and keeps what should be gone. A refresh cookie with the path / is sent with every request, where refreshes alone need it.",
			Fix:     "Give the cookie the token's lifetime, and a refresh cookie the path of the refresh.",
			Sources: []string{"OWASP ASVS 5.0 3.3", "RFC 6265 section 5.2.2"},
			Bad:     `res.cookie("access", token, { maxAge: 30 * 24 * 3600 * 1000 })  // a token of 30 minutes`,
			Good:    `res.cookie("access", token, { maxAge: 30 * 60 * 1000 })`,
		},
	}
}

// storageRules are about what piles up.
func storageRules() []Rule {
	return []Rule{
		{
			ID: "SND501", Name: "storage-forecast", Severity: Warning, Check: storage,
			Summary: "Tokens pile up in the store.",
			Why: "As many live at once as are made in one lifetime (Little's law): 10 logins a second and 200 days are 172.8 million rows. The pile grows for the whole lifetime, so that a test does not show it. " +
				"Judged with --rate alone: a warning above 10 million rows or 10 GiB, at 310 bytes a row; where a limit of disuse is shorter, by that one, as if no token were refreshed.",
			Fix:     "Shorten the lifetime; see sandi lint forecast.",
			Sources: []string{"Apigee: antipattern of long expiration times", "J. D. C. Little, A Proof for the Queuing Formula L = λW, 1961"},
			Bad:     "<RefreshTokenExpiresIn>17280000000</RefreshTokenExpiresIn> <!-- 200 days, --rate 10/s -->",
			Good:    "<RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn> <!-- 24 hours, --rate 10/s -->",
		},
		{
			ID: "SND502", Name: "no-purge", Severity: Warning, CheckBundle: noPurge,
			Summary: "Nothing deletes expired tokens.",
			Why:     "Some products leave expired tokens in the table until a command is run. Tables of hundreds of millions of rows have come of it, too large for the command to finish.",
			Fix:     "Schedule the product's cleaning: cleartokens, flushexpiredtokens, the janitor.",
			Sources: []string{"django-oauth-toolkit issue 651", "Ory Hydra issue 1574"},
			Bad:     "INSTALLED_APPS = [\"oauth2_provider\"]  # nothing runs cleartokens",
			Good:    "CELERY_BEAT_SCHEDULE = {\"cleartokens\": {\"task\": \"accounts.cleartokens\", \"schedule\": 3600}}",
		},
		{
			ID: "SND503", Name: "revocation-lag", Severity: Warning, Check: revocationLag,
			Summary: "A revoked token passes for a while.",
			Why:     "What was found valid is remembered, and not asked again until the memory ends. A note above 60 seconds, a warning above 5 minutes; in the profile strict half a minute and a minute.",
			Fix:     "At most 60 seconds.",
			Sources: []string{"OWASP ASVS 5.0 7.4.1", "Apigee: policy RevokeOAuthV2: a revoked token may pass for up to 3 minutes"},
			Bad:     "<CacheExpiryInSeconds>3600</CacheExpiryInSeconds>",
			Good:    "<CacheExpiryInSeconds>60</CacheExpiryInSeconds>",
		},
	}
}

// fileRules are about files as such. SND901 and SND903 are found while reading.
func fileRules() []Rule {
	return []Rule{
		{
			ID: "SND901", Name: "unreadable", Severity: Error,
			Summary: "A file cannot be read.",
			Why:     "What is not read is not judged: broken syntax, another encoding than UTF-8 (or UTF-16 and UTF-32 with a byte order mark), more than 32 MB, deeper than 200 levels, or a zip that unpacks to too much or climbs out of itself.",
			Fix:     "Mend the file, or leave it out.",
			Sources: []string{"The file's own format"},
			Bad:     "<OAuthV2><ExpiresIn>1800000</OAuthV2>",
			Good:    "<OAuthV2><ExpiresIn>1800000</ExpiresIn></OAuthV2>",
		},
		{
			ID: "SND902", Name: "unknown-key", Severity: Warning, Check: unknownKey,
			Summary: "A key is unknown, and nearly a known one.",
			Why:     "Most products ignore what they do not know: the lifetime that was set is not, and the default holds.",
			Fix:     "Correct the spelling.",
			Sources: []string{"Settings of the products, as their guides in this folder name them"},
			Bad:     "<RefreshTokenExpireIn>86400000</RefreshTokenExpireIn>",
			Good:    "<RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn>",
		},
		{
			ID: "SND903", Name: "bad-suppression", Severity: Warning,
			Summary: "A suppression without a reason, or past its end.",
			Why:     "A suppression is a decision, and decisions are judged again: without a reason nobody can, and past its end it was meant to be. It does not count, and what it hid is told.",
			Fix:     `Write reason="..." and, best, until=2027-01-01; or mend what is hidden.`,
			Sources: []string{"How findings are suppressed: README.md in this folder"},
			Bad:     "<!-- sandi:ignore SND101 -->",
			Good:    `<!-- sandi:ignore SND101 reason="batch client, moves in March" until=2027-04-01 -->`,
		},
	}
}
