package lint

// lifetimeRules are about access tokens, and about any lifetime as such.
func lifetimeRules() []Rule {
	return []Rule{
		{
			ID: "SND101", Name: "access-too-long", Severity: Error, Check: accessTooLong,
			Summary: "An access token lives longer than it should.",
			Why: "An access token is cash: whoever holds it may spend it. Nobody can tell a stolen one from the true one, and most resource servers cannot be told that it was revoked. " +
				"How long it lives is how long a theft lasts, and how old the roles in it can be. A note above 30 minutes, a warning above an hour, an error from 24 hours on; " +
				"one step less where tokens are bound to a key (DPoP, mTLS).",
			Fix:     "Set about 30 minutes, and let clients refresh.",
			Sources: []string{"RFC 6750 section 5.3: one hour or less", "RFC 6819 section 5.1.5.3", "Apigee: antipattern of long expiration times: about 30 minutes"},
			Bad:     "<ExpiresIn>864000000</ExpiresIn> <!-- 10 days -->",
			Good:    "<ExpiresIn>1800000</ExpiresIn> <!-- 30 minutes -->",
		},
		{
			ID: "SND102", Name: "access-never", Severity: Error, Check: accessNever,
			Summary: "An access token never expires.",
			Why:     "A token without an end that leaks once, in a log, a backup or a screenshot, is good for ever: the only cure is to change the key for everybody.",
			Fix:     "Set a lifetime; where the library takes none by default, give it one at every call.",
			Sources: []string{"OWASP ASVS 5.0 9.2.1", "RFC 6819 section 5.1.5.3", "RFC 8725 (JWT best practices)"},
			Bad:     "jwt.sign({ sub: user.id }, key)",
			Good:    `jwt.sign({ sub: user.id }, key, { expiresIn: "30m" })`,
		},
		{
			ID: "SND103", Name: "access-implicit-default", Severity: Error, Check: accessDefault,
			Summary: "The lifetime of access tokens is left to the product's default.",
			Why: "Defaults run from 5 minutes to a year, differ between versions, and are changed by whoever installs the system. " +
				"A note; a warning where the default is more than an hour, an error where it is more than 24 hours.",
			Fix:     "Write the lifetime down.",
			Sources: []string{"Defaults of the products, as their guides in this folder name them"},
			Bad:     "resource \"auth0_resource_server\" \"api\" {\n  identifier = \"https://api.example.com\"\n}",
			Good:    "resource \"auth0_resource_server\" \"api\" {\n  identifier     = \"https://api.example.com\"\n  token_lifetime = 1800\n}",
		},
		{
			ID: "SND104", Name: "unit-confusion", Severity: Error, Check: unitConfusion,
			Summary: "A number makes sense only in another unit.",
			Why: "Apigee counts milliseconds, Keycloak seconds, Okta minutes, Cognito hours or days. A number that was thought of in another unit gives tokens that are dead at once, " +
				"or that outlive the project. The message shows both readings.",
			Fix:     "Multiply or divide; keep a comment with the unit.",
			Sources: []string{"Settings of the products, as their guides in this folder name them"},
			Bad:     "<ExpiresIn>3600</ExpiresIn> <!-- read as milliseconds: 3.6 seconds -->",
			Good:    "<ExpiresIn>3600000</ExpiresIn> <!-- 1 hour -->",
		},
		{
			ID: "SND105", Name: "comment-disagrees", Severity: Warning, Check: commentDisagrees,
			Summary: "The comment beside a lifetime states another one.",
			Why:     "One of them is wrong, and whoever reviews the file believes the comment. Durations in English and Indonesian are read; 5 % are allowed.",
			Fix:     "Correct the value or the comment.",
			Sources: []string{"The file itself"},
			Bad:     "<ExpiresIn>86400000</ExpiresIn> <!-- 30 minutes -->",
			Good:    "<ExpiresIn>1800000</ExpiresIn> <!-- 30 minutes -->",
		},
		{
			ID: "SND106", Name: "invalid-value", Severity: Error, Check: lifetimeInvalid,
			Summary: "The product refuses, or does not take, what is written.",
			Why:     "A value that is no number or beyond the product's bounds, a setting in a place that does not know it, or a missing operation fails when it is deployed, or is ignored and the default holds.",
			Fix:     "Write what the product takes; the message says what.",
			Sources: []string{"Documentation of the products, as their guides in this folder name them"},
			Bad:     "<ExpiresIn>0</ExpiresIn>",
			Good:    "<ExpiresIn>1800000</ExpiresIn>",
		},
		{
			ID: "SND107", Name: "lifetime-from-request", Severity: Error, Check: lifetimeFromOutside,
			Summary: "Whoever asks for a token chooses how long it lives.",
			Why: "A lifetime that is read from the query, a header or the body of the request is the attacker's choice. A warning where an Apigee policy reads it from a variable and gives no value of its own: " +
				"where the variable is not set, the system's default holds.",
			Fix:     "Take it from the configuration (a property set, a key value map), with a fallback, and cap what may be asked for.",
			Sources: []string{"RFC 6749 section 4.2.2, 5.1: the authorization server sets expires_in", "OWASP ASVS 5.0 10.4"},
			Bad:     `<ExpiresIn ref="request.queryparam.ttl"/>`,
			Good:    `<ExpiresIn ref="propertyset.tokens.access_ms">1800000</ExpiresIn>`,
		},
	}
}
