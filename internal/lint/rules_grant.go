package lint

// grantRules are about how tokens are got, renewed and revoked.
func grantRules() []Rule {
	return []Rule{
		{
			ID: "SND201", Name: "implicit-grant", Severity: Error, Check: implicitGrant,
			Summary: "The implicit grant is allowed.",
			Why:     "It hands tokens back in the address of a page, where histories, scripts and open redirects see them, and nothing binds them to who asked. Apigee allows it where SupportedGrantTypes is missing.",
			Fix:     "The authorization code grant with PKCE.",
			Sources: []string{"RFC 9700 section 2.1.2", "OWASP ASVS 5.0 10.4.4"},
			Bad:     "<GrantType>implicit</GrantType>",
			Good:    "<GrantType>authorization_code</GrantType>",
		},
		{
			ID: "SND202", Name: "password-grant", Severity: Error, Check: passwordGrant,
			Summary: "The password grant is allowed.",
			Why:     "Clients see and may keep their users' passwords, users learn to type them anywhere, and neither a second factor nor a passkey fits in.",
			Fix:     "The authorization code grant with PKCE; client_credentials for programs.",
			Sources: []string{"RFC 9700 section 2.4", "OWASP ASVS 5.0 10.4.4"},
			Bad:     "<GrantType>password</GrantType>",
			Good:    "<GrantType>authorization_code</GrantType>",
		},
		{
			ID: "SND203", Name: "no-rotation", Severity: Error, Check: noRotation,
			Summary: "A refresh does not replace the refresh token, or a replaced one is not told from the true one.",
			Why: "Rotation makes a theft visible: thief and owner both use a token that works once, and the second to come ends the family. An error for public clients, a warning where the kind of client is not known, " +
				"a note for confidential ones; nothing where tokens are bound to a key, or for confidential clients in the profile strict, since FAPI 2.0 binds instead.",
			Fix:     "Rotate, and revoke the family when an old token comes back; or bind tokens to a key (DPoP, mTLS).",
			Sources: []string{"RFC 9700 sections 2.2.2, 4.14.2", "OWASP ASVS 5.0 10.4.5", "FAPI 2.0 Security Profile"},
			Bad:     "SIMPLE_JWT = {\"ROTATE_REFRESH_TOKENS\": False}",
			Good:    "SIMPLE_JWT = {\"ROTATE_REFRESH_TOKENS\": True, \"BLACKLIST_AFTER_ROTATION\": True}",
		},
		{
			ID: "SND204", Name: "reuse-window", Severity: Warning, Check: reuseWindow,
			Summary: "A replaced refresh token still works for long.",
			Why:     "A window forgives a lost answer and two tabs at once; a long one hides the thief that rotation should show. A warning above 60 seconds, in the profile strict above 30.",
			Fix:     "At most 30 seconds.",
			Sources: []string{"RFC 9700 section 4.14.2", "OWASP ASVS 5.0 10.4.5"},
			Bad:     "refresh_token {\n  rotation_type = \"rotating\"\n  leeway        = 600\n}",
			Good:    "refresh_token {\n  rotation_type = \"rotating\"\n  leeway        = 30\n}",
		},
		{
			ID: "SND205", Name: "refresh-never-used", Severity: Warning, CheckBundle: refreshNeverUsed,
			Summary: "A bundle hands refresh tokens out and takes none.",
			Why:     "What nobody can use only fills the store and waits to be stolen. Found in Apigee bundles, by all policies of one.",
			Fix:     "Add a policy with the operation RefreshAccessToken, or hand out no refresh tokens.",
			Sources: []string{"Apigee: antipattern of issuing refresh tokens that are not used"},
			Bad:     "apiproxy/policies: GenerateAccessToken for authorization_code, and no RefreshAccessToken",
			Good:    "apiproxy/policies: GenerateAccessToken for authorization_code, and RefreshAccessToken",
		},
		{
			ID: "SND206", Name: "no-revocation", Severity: Warning, CheckBundle: noRevocation,
			Summary: "Tokens cannot be revoked.",
			Why:     "After a theft, a logout or a dismissal they work until they expire. Found where a bundle makes tokens and has no operation that revokes, and where a product's revocation is switched off.",
			Fix:     "Add the operation InvalidateToken or RevokeOAuthV2; switch revocation on; ask a list of revoked tokens.",
			Sources: []string{"OWASP ASVS 5.0 7.4.1, 10.4.9", "RFC 7009"},
			Bad:     "EnableTokenRevocation: false",
			Good:    "EnableTokenRevocation: true",
		},
		{
			ID: "SND207", Name: "pkce-off", Severity: Error, Check: pkceOff,
			Summary: "PKCE is off, or takes the method plain.",
			Why:     "Without it, whoever intercepts an authorization code exchanges it, and a code can be planted in somebody else's login. Where only the default says so, it is a warning for public clients and a note for others.",
			Fix:     "Require S256.",
			Sources: []string{"RFC 9700 section 2.1.1", "RFC 7636 section 4.2", "OWASP ASVS 5.0 10.4.6"},
			Bad:     `"attributes": {"pkce.code.challenge.method": "plain"}`,
			Good:    `"attributes": {"pkce.code.challenge.method": "S256"}`,
		},
		{
			ID: "SND208", Name: "refresh-for-machines", Severity: Note, Check: refreshForMachines,
			Summary: "A refresh token for client_credentials alone.",
			Why:     "A program that holds its credentials asks for a new access token with them; a refresh token is one more secret to lose.",
			Fix:     "Remove the refresh token's lifetime.",
			Sources: []string{"RFC 6749 section 4.4.3"},
			Bad:     "<GrantType>client_credentials</GrantType> with <RefreshTokenExpiresIn>86400000</RefreshTokenExpiresIn>",
			Good:    "<GrantType>client_credentials</GrantType> without RefreshTokenExpiresIn",
		},
	}
}
