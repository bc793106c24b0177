package lint

// refreshRules are about refresh tokens.
func refreshRules() []Rule {
	return []Rule{
		{
			ID: "SND111", Name: "refresh-too-long", Severity: Error, Check: refreshTooLong,
			Summary: "A refresh token lives longer than it should.",
			Why: "A refresh token is worth as many access tokens as fit into its life, and each one stays in the store until it ends: 10 logins a second at 200 days are 172.8 million rows. " +
				"A note above 7 days, a warning above 30, an error above 90.",
			Fix:     "Begin with 24 hours; 7 days where users must stay logged in.",
			Sources: []string{"Apigee: antipattern of long expiration times: 24 hours, or 7 days", "RFC 6819 section 5.1.5.3", "RFC 9700 section 4.14.2"},
			Bad:     "<RefreshTokenExpiresIn>17280000000</RefreshTokenExpiresIn> <!-- 200 days -->",
			Good:    "<RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn> <!-- 24 hours -->",
		},
		{
			ID: "SND112", Name: "refresh-never", Severity: Error, Check: refreshNever,
			Summary: "A refresh token, or an offline session, never ends.",
			Why:     "A limit of disuse alone does not end what a thief keeps using, and the store can never be cleaned.",
			Fix:     "Set an absolute limit.",
			Sources: []string{"OWASP ASVS 5.0 10.4.8", "Apigee: antipattern of missing expiration times", "Ory Hydra: configuration schema, ttl.refresh_token"},
			Bad:     "ttl:\n  refresh_token: -1",
			Good:    "ttl:\n  refresh_token: 24h",
		},
		{
			ID: "SND113", Name: "refresh-unset", Severity: Error, Check: refreshUnset,
			Summary: "Refresh tokens are handed out without a stated lifetime.",
			Why: "On some of Apigee's systems they then live for ever. Where the product's default is known, it is judged as SND111 judges; " +
				"a warning where it is not.",
			Fix:     "Write 24 hours down, or no longer than users need.",
			Sources: []string{"Apigee: antipattern of missing expiration times"},
			Bad:     "<OAuthV2 name=\"token\">\n  <Operation>GenerateAccessToken</Operation>\n  <ExpiresIn>1800000</ExpiresIn>\n</OAuthV2>",
			Good:    "<OAuthV2 name=\"token\">\n  <Operation>GenerateAccessToken</Operation>\n  <ExpiresIn>1800000</ExpiresIn>\n  <RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn>\n</OAuthV2>",
		},
		{
			ID: "SND114", Name: "refresh-vs-access", Severity: Error, Check: refreshAgainstAccess,
			Summary: "A refresh token does not outlive the access token, or not by much.",
			Why:     "A refresh token that ends with the access token refreshes nothing: users log in again, or somebody makes access tokens long to spare them that. A note below four lifetimes. In programs, the calls of one file are held against each other.",
			Fix:     "Several lifetimes of the access token: 30 minutes and 24 hours.",
			Sources: []string{"Apigee: antipattern of long expiration times: a refresh token is valid for several lifetimes of the access token"},
			Bad:     "<ExpiresIn>864000000</ExpiresIn>\n<RefreshTokenExpiresIn>864000000</RefreshTokenExpiresIn>",
			Good:    "<ExpiresIn>1800000</ExpiresIn>\n<RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn>",
		},
		{
			ID: "SND115", Name: "no-idle-limit", Severity: Note, Check: noIdleLimit,
			Summary: "What is not used any more stays usable.",
			Why:     "A telephone in a drawer, a browser on a shared machine: a limit of disuse ends what its owner forgot. Found where the absolute limit is more than 24 hours.",
			Fix:     "Set the limit of disuse too.",
			Sources: []string{"RFC 9700 section 4.14.2", "OWASP ASVS 5.0 7.3.1"},
			Bad:     "[auth.sessions]\ntimebox = \"720h\"",
			Good:    "[auth.sessions]\ntimebox = \"24h\"\ninactivity_timeout = \"8h\"",
		},
		{
			ID: "SND116", Name: "no-absolute-limit", Severity: Warning, Check: noAbsoluteLimit,
			Summary: "A session that is used never ends.",
			Why:     "A limit of disuse alone is renewed by whoever uses the session, a thief included; only an absolute limit makes users prove themselves anew.",
			Fix:     "Set the absolute limit too.",
			Sources: []string{"OWASP ASVS 5.0 7.3.2, 10.4.8", "OWASP Session Management Cheat Sheet"},
			Bad:     "[auth.sessions]\ninactivity_timeout = \"8h\"",
			Good:    "[auth.sessions]\ntimebox = \"24h\"\ninactivity_timeout = \"8h\"",
		},
	}
}

// sessionRules are about codes, sessions and connections.
func sessionRules() []Rule {
	return []Rule{
		{
			ID: "SND117", Name: "code-too-long", Severity: Error, Check: codeTooLong,
			Summary: "An authorization code lives longer than it should.",
			Why:     "Clients exchange a code within seconds; every longer second serves who found it in a history, a log or a Referer. A note above 60 seconds, an error above 10 minutes; in the profile strict an error above 60 seconds.",
			Fix:     "60 seconds.",
			Sources: []string{"RFC 6749 section 4.1.2: at most 10 minutes", "OWASP ASVS 5.0 10.4.3: at most 10 minutes, level 3: one", "FAPI 2.0 Security Profile"},
			Bad:     "ttl:\n  auth_code: 1h",
			Good:    "ttl:\n  auth_code: 60s",
		},
		{
			ID: "SND118", Name: "idle-beyond-absolute", Severity: Error, Check: idleBeyondAbsolute,
			Summary: "A limit of disuse is longer than the absolute one.",
			Why:     "It is never reached. Mostly the two were swapped, and what was meant to be the short one is the long one.",
			Fix:     "Swap them, or shorten the limit of disuse.",
			Sources: []string{"The settings themselves: one bounds the other"},
			Bad:     "refresh_token {\n  token_lifetime      = 86400\n  idle_token_lifetime = 604800\n}",
			Good:    "refresh_token {\n  token_lifetime      = 604800\n  idle_token_lifetime = 86400\n}",
		},
		{
			ID: "SND119", Name: "session-vs-aal", Severity: Error, Check: sessionAgainstAAL,
			Summary: "A session lasts longer than its assurance level allows.",
			Why:     "In the profiles aal1, aal2 and aal3 alone: at most 30 days; 24 hours, and 1 hour unused; 12 hours, and 15 minutes unused. The 12 hours are a must of the standard, the others a should.",
			Fix:     "Shorten the session, or lower the claim.",
			Sources: []string{"NIST SP 800-63B-4 sections 2.1.3, 2.2.3, 2.3.3"},
			Bad:     `{"realm": "bank", "ssoSessionMaxLifespan": 2592000}`,
			Good:    `{"realm": "bank", "ssoSessionMaxLifespan": 43200, "ssoSessionIdleTimeout": 900}`,
		},
		{
			ID: "SND120", Name: "connection-outlives-token", Severity: Warning, Check: outlivedByConnection,
			Summary: "A socket's token is looked at only when it connects.",
			Why:     "A connection that is open stays open: after the token's end, a logout or a dismissal, its owner still reads and writes. The token's lifetime then bounds nothing.",
			Fix:     "Disconnect when the token expires, and when it is revoked; ask for a new one on the open connection.",
			Sources: []string{"OWASP ASVS 5.0 7.4.1", "RFC 6455 section 10.5: the protocol itself authenticates nobody"},
			Bad:     "io.use((socket, next) => {\n  socket.user = jwt.verify(socket.handshake.auth.token, key, { algorithms: [\"HS256\"] });\n  next();\n});",
			Good: "io.use((socket, next) => {\n  const claims = jwt.verify(socket.handshake.auth.token, key, { algorithms: [\"HS256\"] });\n" +
				"  const timer = setTimeout(() => socket.disconnect(true), claims.exp * 1000 - Date.now());\n  socket.on(\"disconnect\", () => clearTimeout(timer));\n  next();\n});",
		},
	}
}
